// Clocks a design for as many cycles as it is told and prints its output `wrong`.
#include <cstdio>
#include <cstdlib>

#include "Vtop.h"

int main(int, char** argv) {
  Vtop top;
  for (long left = atol(argv[1]); left > 0; --left) {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
  }
  printf("%llu\n", static_cast<unsigned long long>(top.wrong));
  return 0;
}
