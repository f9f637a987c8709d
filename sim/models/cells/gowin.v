// Gowin cells that Yosys has no model of, or one that does not suit: tables, block RAM, multipliers
// and PLLs.
//
// What is not modelled does not compile: other widths, registers in multipliers. Where two ports
// meet at one word, one of them to write, the other reads its old contents here. A PLL is a wire:
// the simulation's clock is the design's, not the oscillator's.
// (Gowin SUG283, "Gowin Primitives User Guide"; UG285, "Gowin BSRAM & SSRAM User Guide")

// A table as one look-up: the mux trees of Yosys's model simulate and compile at half the speed.
module LUT1 (
    input  I0,
    output F
);
  parameter [1:0] INIT = 2'd0;
  assign F = INIT[{I0}];
endmodule

module LUT2 (
    input  I0, I1,
    output F
);
  parameter [3:0] INIT = 4'd0;
  assign F = INIT[{I1, I0}];
endmodule

module LUT3 (
    input  I0, I1, I2,
    output F
);
  parameter [7:0] INIT = 8'd0;
  assign F = INIT[{I2, I1, I0}];
endmodule

module LUT4 (
    input  I0, I1, I2, I3,
    output F
);
  parameter [15:0] INIT = 16'd0;
  assign F = INIT[{I3, I2, I1, I0}];
endmodule

// Block RAM with bytes of 8 or 9 bits: one port.
`define GOWIN_SP(BITS) ( \
    output [4*BITS-1:0] DO, \
    input  [4*BITS-1:0] DI, \
    input  [2:0] BLKSEL, \
    input  [13:0] AD, \
    input  WRE, CLK, CE, OCE, RESET \
); \
  parameter READ_MODE = 1'b0; \
  parameter WRITE_MODE = 2'b00; \
  parameter BIT_WIDTH = 4 * BITS; \
  parameter BLK_SEL = 3'b000; \
  parameter RESET_MODE = "SYNC"; \
  `CONTENTS(INIT_RAM_, 32*BITS) \
\
  spikeloom_block #( \
      .BYTE(BITS), .SMALLEST(BITS == 8 ? 1 : BITS), .RESET_MODE(RESET_MODE), \
      .INITIAL(`ALL_CONTENTS(INIT_RAM_)), \
      .WIDTH_A(BIT_WIDTH), .PIPELINED_A(READ_MODE), .WRITE_MODE_A(WRITE_MODE) \
  ) block ( \
      .clk_a(CLK), .enable_a(CE && BLKSEL == BLK_SEL), .output_enable_a(OCE), .reset_a(RESET), \
      .write_a(WRE), .address_a(AD), .in_a(DI), .out_a(DO), \
      .clk_b(1'b0), .enable_b(1'b0), .output_enable_b(1'b0), .reset_b(1'b0), .write_b(1'b0), \
      .address_b(14'd0), .in_b({4*BITS{1'b0}}), .out_b() \
  ); \
endmodule

module SP `GOWIN_SP(8)

module SPX9 `GOWIN_SP(9)

// Two ports.
`define GOWIN_DPB(BITS) ( \
    output [2*BITS-1:0] DOA, DOB, \
    input  [2*BITS-1:0] DIA, DIB, \
    input  [2:0] BLKSELA, BLKSELB, \
    input  [13:0] ADA, ADB, \
    input  WREA, CLKA, CEA, OCEA, RESETA, \
    input  WREB, CLKB, CEB, OCEB, RESETB \
); \
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0; \
  parameter WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00; \
  parameter BIT_WIDTH_0 = 2 * BITS, BIT_WIDTH_1 = 2 * BITS; \
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000; \
  parameter RESET_MODE = "SYNC"; \
  `CONTENTS(INIT_RAM_, 32*BITS) \
\
  wire [4*BITS-1:0] out_a, out_b; \
  assign DOA = out_a[2*BITS-1:0], DOB = out_b[2*BITS-1:0]; \
  spikeloom_block #( \
      .BYTE(BITS), .SMALLEST(BITS == 8 ? 1 : BITS), .RESET_MODE(RESET_MODE), \
      .INITIAL(`ALL_CONTENTS(INIT_RAM_)), \
      .WIDTH_A(BIT_WIDTH_0), .PIPELINED_A(READ_MODE0), .WRITE_MODE_A(WRITE_MODE0), \
      .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE1), .WRITE_MODE_B(WRITE_MODE1) \
  ) block ( \
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(OCEA), \
      .reset_a(RESETA), .write_a(WREA), .address_a(ADA), .in_a({{2*BITS{1'b0}}, DIA}), \
      .out_a(out_a), \
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCEB), \
      .reset_b(RESETB), .write_b(WREB), .address_b(ADB), .in_b({{2*BITS{1'b0}}, DIB}), \
      .out_b(out_b) \
  ); \
endmodule

module DPB `GOWIN_DPB(8)

module DPX9B `GOWIN_DPB(9)

// A port that writes and one that reads.
`define GOWIN_SDPB(BITS) ( \
    output [4*BITS-1:0] DO, \
    input  [4*BITS-1:0] DI, \
    input  [2:0] BLKSELA, BLKSELB, \
    input  [13:0] ADA, ADB, \
    input  CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB \
); \
  parameter READ_MODE = 1'b0; \
  parameter BIT_WIDTH_0 = 4 * BITS, BIT_WIDTH_1 = 4 * BITS; \
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000; \
  parameter RESET_MODE = "SYNC"; \
  `CONTENTS(INIT_RAM_, 32*BITS) \
\
  spikeloom_block #( \
      .BYTE(BITS), .SMALLEST(BITS == 8 ? 1 : BITS), .RESET_MODE(RESET_MODE), \
      .INITIAL(`ALL_CONTENTS(INIT_RAM_)), \
      .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE) \
  ) block ( \
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(1'b0), \
      .reset_a(RESETA), .write_a(1'b1), .address_a(ADA), .in_a(DI), .out_a(), \
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCE), \
      .reset_b(RESETB), .write_b(1'b0), .address_b(ADB), .in_b({4*BITS{1'b0}}), .out_b(DO) \
  ); \
endmodule

module SDPB `GOWIN_SDPB(8)

module SDPX9B `GOWIN_SDPB(9)

// Product of two numbers, each signed or not, without registers.
module spikeloom_gowin_product #(
    parameter WIDTH = 18,
    parameter REGISTERS = 0
) (
    input  [WIDTH-1:0] a, b,
    input  is_a_signed, is_b_signed,
    output [2*WIDTH-1:0] product
);
  assign product = {{WIDTH{is_a_signed & a[WIDTH-1]}}, a} * {{WIDTH{is_b_signed & b[WIDTH-1]}}, b};
  generate
    if (REGISTERS != 0) gowin_multiplier_with_registers_has_no_model unsupported ();
  endgenerate
endmodule

`define GOWIN_MULT(BITS) ( \
    input  [BITS-1:0] A, B, SIA, SIB, \
    input  ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET, \
    output [2*BITS-1:0] DOUT, \
    output [BITS-1:0] SOA, SOB \
); \
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0; \
  parameter ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0, MULT_RESET_MODE = "SYNC"; \
\
  spikeloom_gowin_product #( \
      .WIDTH(BITS), .REGISTERS(AREG | BREG | OUT_REG | PIPE_REG | ASIGN_REG | BSIGN_REG) \
  ) multiply (.a(A), .b(B), .is_a_signed(ASIGN), .is_b_signed(BSIGN), .product(DOUT)); \
endmodule

module MULT9X9 `GOWIN_MULT(9)

module MULT18X18 `GOWIN_MULT(18)

module rPLL (
    input  CLKIN, CLKFB, RESET, RESET_P,
    input  [5:0] FBDSEL, IDSEL, ODSEL,
    input  [3:0] PSDA, FDLY, DUTYDA,
    output CLKOUT, CLKOUTP, CLKOUTD, CLKOUTD3, LOCK
);
  parameter FCLKIN = "100.0", DEVICE = "GW1N-1";
  parameter IDIV_SEL = 0, FBDIV_SEL = 0, ODIV_SEL = 8, DYN_SDIV_SEL = 2;
  parameter DYN_IDIV_SEL = "false", DYN_FBDIV_SEL = "false", DYN_ODIV_SEL = "false";
  parameter PSDA_SEL = "0000", DYN_DA_EN = "false", DUTYDA_SEL = "1000", CLKFB_SEL = "internal";
  parameter CLKOUT_BYPASS = "false", CLKOUTP_BYPASS = "false", CLKOUTD_BYPASS = "false";

  assign CLKOUT = CLKIN, CLKOUTP = CLKIN, CLKOUTD = CLKIN, CLKOUTD3 = CLKIN, LOCK = 1'b1;
endmodule
