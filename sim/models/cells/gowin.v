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

`define GOWIN_CONTENTS(BITS) \
  parameter [BITS-1:0] \
      INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, \
      INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0, \
      INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, \
      INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0, \
      INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, \
      INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, \
      INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0, \
      INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, \
      INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, \
      INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, \
      INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B = 0, \
      INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, \
      INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, \
      INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0, \
      INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, \
      INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0;

`define GOWIN_INITIAL { \
      INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, \
      INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, \
      INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, \
      INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, \
      INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, \
      INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
      INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, \
      INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, \
      INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, \
      INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, \
      INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, \
      INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
      INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, \
      INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, \
      INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, \
      INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00}

// 512 words of four bytes of 8 or 9 bits, behind two ports. The lowest lines of the address of a
// port of two or four bytes enable those that are written.
module spikeloom_gowin_block #(
    parameter BYTE = 9,
    parameter [2048*BYTE-1:0] INITIAL = 0,
    parameter RESET_MODE = "SYNC",
    parameter WIDTH_A = BYTE, WIDTH_B = BYTE,
    parameter PIPELINED_A = 1'b0, PIPELINED_B = 1'b0,
    parameter [1:0] WRITE_MODE_A = 2'b00, WRITE_MODE_B = 2'b00
) (
    input  clk_a, enable_a, output_enable_a, reset_a, write_a,
    input  [13:0] address_a,
    input  [4*BYTE-1:0] in_a,
    output [4*BYTE-1:0] out_a,
    input  clk_b, enable_b, output_enable_b, reset_b, write_b,
    input  [13:0] address_b,
    input  [4*BYTE-1:0] in_b,
    output [4*BYTE-1:0] out_b
);
  reg [4*BYTE-1:0] words[0:511];
  integer word;
  initial for (word = 0; word < 512; word = word + 1) words[word] = INITIAL[4*BYTE*word+:4*BYTE];

  function [4*BYTE-1:0] width_mask(input integer width);
    integer place;
    for (place = 0; place < 4 * BYTE; place = place + 1) width_mask[place] = place < width;
  endfunction

  function [5:0] first_bit(input integer width, input [4:0] low);
    case (width)
      1: first_bit = low[4:3] * BYTE + low[2:0];
      2: first_bit = low[4:3] * BYTE + {low[2:1], 1'b0};
      4: first_bit = low[4:3] * BYTE + {low[2], 2'b0};
      BYTE: first_bit = low[4:3] * BYTE;
      2 * BYTE: first_bit = low[4] * 2 * BYTE;
      default: first_bit = 0;
    endcase
  endfunction

  // Port A
  wire [5:0] shift_a = first_bit(WIDTH_A, address_a[4:0]);
  wire [4*BYTE-1:0] mask_a = width_mask(WIDTH_A);
  wire [4*BYTE-1:0] bytes_a =
      WIDTH_A == 2 * BYTE ? {{BYTE{address_a[1]}}, {BYTE{address_a[0]}}} << shift_a :
      WIDTH_A == 4 * BYTE ? {{BYTE{address_a[3]}}, {BYTE{address_a[2]}},
                             {BYTE{address_a[1]}}, {BYTE{address_a[0]}}} :
      mask_a << shift_a;
  wire [4*BYTE-1:0] old_a = words[address_a[13:5]];
  wire [4*BYTE-1:0] new_a = old_a & ~bytes_a | (in_a & mask_a) << shift_a & bytes_a;
  wire [4*BYTE-1:0] shown_a = write_a && WRITE_MODE_A == 2'b01 ? new_a : old_a;
  wire cleared_a = RESET_MODE == "ASYNC" && reset_a;
  reg [4*BYTE-1:0] read_a = 0, output_a = 0;
  always @(posedge clk_a)
    if (enable_a && write_a) words[address_a[13:5]] <= new_a;
  always @(posedge clk_a, posedge cleared_a)
    if (cleared_a || reset_a) begin
      read_a <= 0;
      output_a <= 0;
    end else begin
      if (enable_a && (!write_a || WRITE_MODE_A != 2'b00))
        read_a <= shown_a >> shift_a & mask_a;
      if (output_enable_a) output_a <= read_a;
    end
  assign out_a = PIPELINED_A ? output_a : read_a;

  // Port B
  wire [5:0] shift_b = first_bit(WIDTH_B, address_b[4:0]);
  wire [4*BYTE-1:0] mask_b = width_mask(WIDTH_B);
  wire [4*BYTE-1:0] bytes_b =
      WIDTH_B == 2 * BYTE ? {{BYTE{address_b[1]}}, {BYTE{address_b[0]}}} << shift_b :
      WIDTH_B == 4 * BYTE ? {{BYTE{address_b[3]}}, {BYTE{address_b[2]}},
                             {BYTE{address_b[1]}}, {BYTE{address_b[0]}}} :
      mask_b << shift_b;
  wire [4*BYTE-1:0] old_b = words[address_b[13:5]];
  wire [4*BYTE-1:0] new_b = old_b & ~bytes_b | (in_b & mask_b) << shift_b & bytes_b;
  wire [4*BYTE-1:0] shown_b = write_b && WRITE_MODE_B == 2'b01 ? new_b : old_b;
  wire cleared_b = RESET_MODE == "ASYNC" && reset_b;
  reg [4*BYTE-1:0] read_b = 0, output_b = 0;
  always @(posedge clk_b)
    if (enable_b && write_b) words[address_b[13:5]] <= new_b;
  always @(posedge clk_b, posedge cleared_b)
    if (cleared_b || reset_b) begin
      read_b <= 0;
      output_b <= 0;
    end else begin
      if (enable_b && (!write_b || WRITE_MODE_B != 2'b00))
        read_b <= shown_b >> shift_b & mask_b;
      if (output_enable_b) output_b <= read_b;
    end
  assign out_b = PIPELINED_B ? output_b : read_b;

  generate
    if (!(WIDTH_A == BYTE || WIDTH_A == 2 * BYTE || WIDTH_A == 4 * BYTE ||
          BYTE == 8 && (WIDTH_A == 1 || WIDTH_A == 2 || WIDTH_A == 4)))
      gowin_block_of_this_width_has_no_model width_a ();
    if (!(WIDTH_B == BYTE || WIDTH_B == 2 * BYTE || WIDTH_B == 4 * BYTE ||
          BYTE == 8 && (WIDTH_B == 1 || WIDTH_B == 2 || WIDTH_B == 4)))
      gowin_block_of_this_width_has_no_model width_b ();
  endgenerate
endmodule

module SP (
    output [31:0] DO,
    input  [31:0] DI,
    input  [2:0] BLKSEL,
    input  [13:0] AD,
    input  WRE, CLK, CE, OCE, RESET
);
  parameter READ_MODE = 1'b0;
  parameter WRITE_MODE = 2'b00;
  parameter BIT_WIDTH = 32;
  parameter BLK_SEL = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(256)

  spikeloom_gowin_block #(
      .BYTE(8), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH), .PIPELINED_A(READ_MODE), .WRITE_MODE_A(WRITE_MODE)
  ) block (
      .clk_a(CLK), .enable_a(CE && BLKSEL == BLK_SEL), .output_enable_a(OCE), .reset_a(RESET),
      .write_a(WRE), .address_a(AD), .in_a(DI), .out_a(DO),
      .clk_b(1'b0), .enable_b(1'b0), .output_enable_b(1'b0), .reset_b(1'b0), .write_b(1'b0),
      .address_b(14'd0), .in_b(32'd0), .out_b()
  );
endmodule

module SPX9 (
    output [35:0] DO,
    input  [35:0] DI,
    input  [2:0] BLKSEL,
    input  [13:0] AD,
    input  WRE, CLK, CE, OCE, RESET
);
  parameter READ_MODE = 1'b0;
  parameter WRITE_MODE = 2'b00;
  parameter BIT_WIDTH = 36;
  parameter BLK_SEL = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(288)

  spikeloom_gowin_block #(
      .BYTE(9), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH), .PIPELINED_A(READ_MODE), .WRITE_MODE_A(WRITE_MODE)
  ) block (
      .clk_a(CLK), .enable_a(CE && BLKSEL == BLK_SEL), .output_enable_a(OCE), .reset_a(RESET),
      .write_a(WRE), .address_a(AD), .in_a(DI), .out_a(DO),
      .clk_b(1'b0), .enable_b(1'b0), .output_enable_b(1'b0), .reset_b(1'b0), .write_b(1'b0),
      .address_b(14'd0), .in_b(36'd0), .out_b()
  );
endmodule

module DPB (
    output [15:0] DOA, DOB,
    input  [15:0] DIA, DIB,
    input  [2:0] BLKSELA, BLKSELB,
    input  [13:0] ADA, ADB,
    input  WREA, CLKA, CEA, OCEA, RESETA,
    input  WREB, CLKB, CEB, OCEB, RESETB
);
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
  parameter WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
  parameter BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(256)

  wire [31:0] out_a, out_b;
  assign DOA = out_a[15:0], DOB = out_b[15:0];
  spikeloom_gowin_block #(
      .BYTE(8), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH_0), .PIPELINED_A(READ_MODE0), .WRITE_MODE_A(WRITE_MODE0),
      .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE1), .WRITE_MODE_B(WRITE_MODE1)
  ) block (
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(OCEA),
      .reset_a(RESETA), .write_a(WREA), .address_a(ADA), .in_a({16'd0, DIA}), .out_a(out_a),
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCEB),
      .reset_b(RESETB), .write_b(WREB), .address_b(ADB), .in_b({16'd0, DIB}), .out_b(out_b)
  );
endmodule

module DPX9B (
    output [17:0] DOA, DOB,
    input  [17:0] DIA, DIB,
    input  [2:0] BLKSELA, BLKSELB,
    input  [13:0] ADA, ADB,
    input  WREA, CLKA, CEA, OCEA, RESETA,
    input  WREB, CLKB, CEB, OCEB, RESETB
);
  parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
  parameter WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
  parameter BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(288)

  wire [35:0] out_a, out_b;
  assign DOA = out_a[17:0], DOB = out_b[17:0];
  spikeloom_gowin_block #(
      .BYTE(9), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH_0), .PIPELINED_A(READ_MODE0), .WRITE_MODE_A(WRITE_MODE0),
      .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE1), .WRITE_MODE_B(WRITE_MODE1)
  ) block (
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(OCEA),
      .reset_a(RESETA), .write_a(WREA), .address_a(ADA), .in_a({18'd0, DIA}), .out_a(out_a),
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCEB),
      .reset_b(RESETB), .write_b(WREB), .address_b(ADB), .in_b({18'd0, DIB}), .out_b(out_b)
  );
endmodule

module SDPB (
    output [31:0] DO,
    input  [31:0] DI,
    input  [2:0] BLKSELA, BLKSELB,
    input  [13:0] ADA, ADB,
    input  CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB
);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(256)

  spikeloom_gowin_block #(
      .BYTE(8), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE)
  ) block (
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(1'b0),
      .reset_a(RESETA), .write_a(1'b1), .address_a(ADA), .in_a(DI), .out_a(),
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCE),
      .reset_b(RESETB), .write_b(1'b0), .address_b(ADB), .in_b(32'd0), .out_b(DO)
  );
endmodule

module SDPX9B (
    output [35:0] DO,
    input  [35:0] DI,
    input  [2:0] BLKSELA, BLKSELB,
    input  [13:0] ADA, ADB,
    input  CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB
);
  parameter READ_MODE = 1'b0;
  parameter BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36;
  parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
  parameter RESET_MODE = "SYNC";
  `GOWIN_CONTENTS(288)

  spikeloom_gowin_block #(
      .BYTE(9), .RESET_MODE(RESET_MODE), .INITIAL(`GOWIN_INITIAL),
      .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .PIPELINED_B(READ_MODE)
  ) block (
      .clk_a(CLKA), .enable_a(CEA && BLKSELA == BLK_SEL_0), .output_enable_a(1'b0),
      .reset_a(RESETA), .write_a(1'b1), .address_a(ADA), .in_a(DI), .out_a(),
      .clk_b(CLKB), .enable_b(CEB && BLKSELB == BLK_SEL_1), .output_enable_b(OCE),
      .reset_b(RESETB), .write_b(1'b0), .address_b(ADB), .in_b(36'd0), .out_b(DO)
  );
endmodule

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

module MULT9X9 (
    input  [8:0] A, B, SIA, SIB,
    input  ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT,
    output [8:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0;
  parameter ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0, MULT_RESET_MODE = "SYNC";

  spikeloom_gowin_product #(
      .WIDTH(9), .REGISTERS(AREG | BREG | OUT_REG | PIPE_REG | ASIGN_REG | BSIGN_REG)
  ) multiply (.a(A), .b(B), .is_a_signed(ASIGN), .is_b_signed(BSIGN), .product(DOUT));
endmodule

module MULT18X18 (
    input  [17:0] A, B, SIA, SIB,
    input  ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT,
    output [17:0] SOA, SOB
);
  parameter AREG = 1'b0, BREG = 1'b0, OUT_REG = 1'b0, PIPE_REG = 1'b0;
  parameter ASIGN_REG = 1'b0, BSIGN_REG = 1'b0, SOA_REG = 1'b0, MULT_RESET_MODE = "SYNC";

  spikeloom_gowin_product #(
      .WIDTH(18), .REGISTERS(AREG | BREG | OUT_REG | PIPE_REG | ASIGN_REG | BSIGN_REG)
  ) multiply (.a(A), .b(B), .is_a_signed(ASIGN), .is_b_signed(BSIGN), .product(DOUT));
endmodule

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
