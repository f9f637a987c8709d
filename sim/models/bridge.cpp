// A simulated board behind a pseudo-terminal: the main program of a virtual board.
//
//     bench CLOCK_HZ BAUD IDLE_CYCLES DELAY_CYCLES [WAVES.fst]
//
// Clocks the design in Vtop, whose pins are clk, rx and tx, and carries bytes between the pins and
// a pseudo-terminal as a USB bridge with a UART would: 8N1, at the speed that is set on the
// terminal (BAUD until someone sets another). A byte takes DELAY_CYCLES more each way. When nothing
// has happened for IDLE_CYCLES the clock stops until bytes come.
//
// stdout: the terminal's name, then a line per command. stdin: `mark` begins a measurement and is
// answered `marked`, `figures` is answered with its numbers. The end of stdin ends the program.
#ifdef __linux__
#include <asm/termbits.h>
#include <sys/ioctl.h>
#else
#include <termios.h>
#endif
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

constexpr int kFraction = 20;       // bits of a time below one cycle
constexpr int kBetweenLooks = 128;  // cycles from one look at terminal and stdin to the next
constexpr size_t kMostWaiting = 4096;
constexpr size_t kMostUnread = 1 << 20;  // bytes kept for a reader who does not read

struct Direction {
  uint64_t bytes = 0, first = 0, last = 0;  // begun at, ended at: cycles

  void count(uint64_t begun, uint64_t ended) {
    if (bytes++ == 0) first = begun;
    last = ended;
  }
};

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

// The end of a pseudo-terminal that is no terminal.
class Terminal {
 public:
  explicit Terminal(unsigned baud) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || grantpt(master_) || unlockpt(master_)) fail("pseudo-terminal");
    name_ = ptsname(master_);
    // Kept open, so that the terminal outlives its users.
    slave_ = open(name_.c_str(), O_RDWR | O_NOCTTY);
    if (slave_ < 0) fail("pseudo-terminal");
    make_raw(baud);
    fcntl(master_, F_SETFL, O_NONBLOCK);
  }

  int descriptor() const { return master_; }
  const std::string& name() const { return name_; }

  unsigned speed(unsigned otherwise) const {
#ifdef __linux__
    termios2 setting;
    if (ioctl(slave_, TCGETS2, &setting) == 0 && setting.c_ospeed) return setting.c_ospeed;
#endif
    return otherwise;
  }

  ssize_t read(uint8_t* bytes, size_t size) const { return ::read(master_, bytes, size); }
  ssize_t write(const char* bytes, size_t size) const { return ::write(master_, bytes, size); }

 private:
  void make_raw(unsigned baud) {
#ifdef __linux__
    termios2 setting{};
    if (ioctl(slave_, TCGETS2, &setting)) fail("pseudo-terminal");
    setting.c_iflag = setting.c_oflag = setting.c_lflag = 0;
    setting.c_cflag = CS8 | CREAD | CLOCAL | BOTHER;
    setting.c_ispeed = setting.c_ospeed = baud;
    setting.c_cc[VMIN] = 1;
    if (ioctl(slave_, TCSETS2, &setting)) fail("pseudo-terminal");
#else
    termios setting;
    if (tcgetattr(slave_, &setting)) fail("pseudo-terminal");
    cfmakeraw(&setting);
    if (tcsetattr(slave_, TCSANOW, &setting)) fail("pseudo-terminal");
    (void)baud;
#endif
  }

  int master_, slave_;
  std::string name_;
};

class Board {
 public:
  Board(uint64_t clock_hz, unsigned baud, uint64_t idle, uint64_t delay, const char* waves)
      : clock_hz_(clock_hz), baud_(baud), idle_(idle), delay_(delay), terminal_(baud),
        design_(&context_) {
    design_.clk = 0;
    design_.rx = 1;
#if VM_TRACE
    context_.traceEverOn(true);
    if (waves) {
      waves_ = std::make_unique<VerilatedFstC>();
      design_.trace(waves_.get(), 99);
      waves_->open(waves);
    }
#else
    (void)waves;
#endif
    set_speed(baud);
    printf("%s\n", terminal_.name().c_str());
    fflush(stdout);
  }

  void run() {
    while (look()) {
      for (int i = 0; i < kBetweenLooks; ++i) step();
    }
    design_.final();
#if VM_TRACE
    if (waves_) waves_->close();
#endif
  }

 private:
  void step() {
    drive();
    design_.clk = 1;
    evaluate();
    design_.clk = 0;
    evaluate();
    ++cycle_;
    sample();
  }

  void evaluate() {
    design_.eval();
#if VM_TRACE
    if (waves_) waves_->dump(context_.time());
#endif
    context_.timeInc(1);
  }

  uint64_t now() const { return cycle_ << kFraction; }

  // The host's transmitter.
  void drive() {
    if (now() < edge_) return;
    if (bits_left_ == 0) {
      if (to_board_.empty() || to_board_.front().second > cycle_) return;
      frame_ = 0x200u | to_board_.front().first << 1;
      to_board_.pop_front();
      bits_left_ = 10;
      begun_ = cycle_;
      // Bytes without a pause keep the fraction of a cycle by which the last one ended early.
      if (now() - edge_ >= uint64_t{1} << kFraction) edge_ = now();
    }
    design_.rx = frame_ & 1;
    frame_ >>= 1;
    edge_ += period_;
    if (--bits_left_ == 0) {
      sent_.count(begun_, edge_ >> kFraction);
      active_ = cycle_;
    }
  }

  // The host's receiver.
  void sample() {
    if (place_ < 0) {
      if (design_.tx) return;
      place_ = 0;
      byte_ = 0;
      fallen_ = cycle_;
      moment_ = now() + period_ / 2;
      return;
    }
    if (now() < moment_) return;
    moment_ += period_;
    active_ = cycle_;
    if (place_ == 0 && design_.tx) {
      place_ = -1;  // too short for a start bit
    } else if (place_ >= 1 && place_ <= 8) {
      byte_ |= design_.tx << (place_ - 1);
      ++place_;
    } else if (place_ == 0) {
      ++place_;
    } else if (place_ == 9) {
      received_.count(fallen_, cycle_);
      from_board_.emplace_back(byte_, cycle_ + delay_);
      if (from_board_.size() > kMostUnread) from_board_.pop_front();
      place_ = design_.tx ? -1 : 10;
    } else if (design_.tx) {
      place_ = -1;  // a break is over
    }
  }

  void set_speed(unsigned baud) {
    speed_ = baud;
    period_ = (clock_hz_ << kFraction) / baud;
    if (period_ < 2u << kFraction) period_ = 2u << kFraction;
  }

  // Exchange bytes and commands; false at the end of stdin. Returns when the clock must go on.
  bool look() {
    deliver();
    bool resting = to_board_.empty() && from_board_.empty() && cycle_ > active_ + idle_;
    pollfd sources[] = {{terminal_.descriptor(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (to_board_.size() >= kMostWaiting) sources[0].fd = -1;
    do {
      if (poll(sources, 2, resting ? -1 : 0) <= 0) continue;
      if ((sources[1].revents & (POLLIN | POLLHUP)) && !obey()) return false;
      if (sources[0].revents & POLLIN) resting &= !fetch();
    } while (resting);
    return true;
  }

  bool fetch() {
    uint8_t bytes[1024];
    ssize_t size = terminal_.read(bytes, sizeof bytes);
    if (size <= 0) return false;
    // What the host has set before it wrote.
    unsigned speed = terminal_.speed(baud_);
    if (speed != speed_) set_speed(speed);
    for (ssize_t i = 0; i < size; ++i) to_board_.emplace_back(bytes[i], cycle_ + delay_);
    active_ = cycle_;
    return true;
  }

  void deliver() {
    std::string due;
    for (const auto& [byte, when] : from_board_) {
      if (when > cycle_ || due.size() == 4096) break;
      due += static_cast<char>(byte);
    }
    if (due.empty()) return;
    ssize_t size = terminal_.write(due.data(), due.size());
    if (size > 0) from_board_.erase(from_board_.begin(), from_board_.begin() + size);
  }

  bool obey() {
    char text[256];
    ssize_t size = read(STDIN_FILENO, text, sizeof text);
    if (size <= 0) return false;
    for (char command : std::string(text, size)) {
      if (command != '\n') {
        word_ += command;
        continue;
      }
      if (word_ == "mark") {
        sent_ = received_ = Direction();
        printf("marked\n");
      } else if (word_ == "figures") {
        printf("%llu", ull(cycle_));
        for (const Direction& way : {sent_, received_})
          printf(" %llu %llu %llu", ull(way.bytes), ull(way.first), ull(way.last));
        printf("\n");
      }
      fflush(stdout);
      word_.clear();
    }
    return true;
  }

  static unsigned long long ull(uint64_t number) { return number; }

  const uint64_t clock_hz_;
  const unsigned baud_;
  const uint64_t idle_, delay_;
  Terminal terminal_;
  VerilatedContext context_;
  Vtop design_;
#if VM_TRACE
  std::unique_ptr<VerilatedFstC> waves_;
#endif
  uint64_t cycle_ = 0, active_ = 0;
  unsigned speed_ = 0;
  uint64_t period_ = 0;  // of a bit

  std::deque<std::pair<uint8_t, uint64_t>> to_board_, from_board_;
  Direction sent_, received_;
  std::string word_;

  unsigned frame_ = 0, bits_left_ = 0;
  uint64_t edge_ = 0, begun_ = 0;  // the next edge, where the byte began
  int place_ = -1;  // -1 idle, 0 start bit, 1 to 8 data, 9 stop bit, 10 until the line is high
  uint8_t byte_ = 0;
  uint64_t moment_ = 0, fallen_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s CLOCK_HZ BAUD IDLE_CYCLES DELAY_CYCLES [WAVES.fst]\n", argv[0]);
    return 2;
  }
  Board board(strtoull(argv[1], nullptr, 10), static_cast<unsigned>(atol(argv[2])),
              strtoull(argv[3], nullptr, 10), strtoull(argv[4], nullptr, 10),
              argc > 5 ? argv[5] : nullptr);
  board.run();
  return 0;
}
