// The main program of a cosimulation: clocks the design in Vtop, whose ports include clk and
// finished, and wakes cocotb only when the time that it waits for has come or finished has changed.
//
//     bench [+waves=FILE.fst] [+TAPE=FILE ...]
//
// Edges lie between whole nanoseconds, the only times at which cocotb looks and writes.
#include <cstdint>
#include <memory>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

extern "C" void vlog_startup_routines_bootstrap();

namespace {

constexpr uint64_t kHalfCycle = 1000;  // ps
constexpr uint64_t kNever = ~uint64_t{0};

class Simulation {
 public:
  Simulation(int argc, char** argv) {
    context_.commandArgs(argc, argv);
    context_.fatalOnVpiError(false);
#if VM_TRACE
    context_.traceEverOn(true);
#endif
    design_ = std::make_unique<Vtop>(&context_, "");
    design_->clk = 0;
#if VM_TRACE
    std::string file = context_.commandArgsPlusMatch("waves=");
    if (!file.empty()) {
      waves_ = std::make_unique<VerilatedFstC>();
      design_->trace(waves_.get(), 99);
      waves_->open(file.substr(file.find('=') + 1).c_str());
    }
#endif
  }

  int run() {
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    wake();
    while (!context_.gotFinish() && VerilatedVpi::cbNextDeadline() != kNever) {
      advance(VerilatedVpi::cbNextDeadline());
      VerilatedVpi::callCbs(cbNextSimTime);
      VerilatedVpi::callTimedCbs();
      wake();
    }
    design_->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    if (waves_) waves_->close();
#endif
    return context_.errorCount() > 0;
  }

 private:
  // Clock until `deadline`, or until `finished` changes.
  void advance(uint64_t deadline) {
    const auto finished = design_->finished;
    while (edge_ < deadline) {
      context_.time(edge_);
      edge_ += kHalfCycle;
      design_->clk = !design_->clk;
      evaluate();
      if (design_->finished != finished) return;
    }
    context_.time(deadline);
  }

  // Let cocotb read and write until nothing changes any more.
  void wake() {
    do {
      do {
        design_->eval_step();
        VerilatedVpi::clearEvalNeeded();
        settle();
      } while (VerilatedVpi::evalNeeded());
      VerilatedVpi::callCbs(cbReadWriteSynch);
      settle();
    } while (VerilatedVpi::evalNeeded());
    VerilatedVpi::callCbs(cbReadOnlySynch);
    evaluate();
  }

  void settle() {
    VerilatedVpi::doInertialPuts();
    while (VerilatedVpi::callValueCbs()) {
    }
  }

  void evaluate() {
    design_->eval();
#if VM_TRACE
    if (waves_) waves_->dump(context_.time());
#endif
  }

  // What cocotb asks of Verilator it asks of this one.
  VerilatedContext& context_ = *Verilated::defaultContextp();
  std::unique_ptr<Vtop> design_;
#if VM_TRACE
  std::unique_ptr<VerilatedFstC> waves_;
#endif
  uint64_t edge_ = kHalfCycle / 2;
};

}  // namespace

int main(int argc, char** argv) { return Simulation(argc, argv).run(); }
