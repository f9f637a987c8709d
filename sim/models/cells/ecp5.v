// ECP5 cells that Yosys has no model of, or one that does not suit: tables, block RAM, multipliers,
// clock gates, pads and PLLs.
//
// What is not modelled does not compile: other widths, chip selects, registers in multipliers.
// Where two ports meet at one word, one of them to write, the other reads its old contents here; the
// device promises nothing. A PLL is a wire: the simulation's clock is the design's, not the
// oscillator's.

// A table as one look-up: the mux trees of Yosys's model simulate and compile at half the speed.
module LUT4 (
    input  A, B, C, D,
    output Z
);
  parameter [15:0] INIT = 16'd0;
  assign Z = INIT[{D, C, B, A}];
endmodule

module LUT2 (
    input  A, B,
    output Z
);
  parameter [3:0] INIT = 4'd0;
  assign Z = INIT[{B, A}];
endmodule

// 1,024 words of 18 bits, which are two bytes of 9. Rows of 4, 2 or 1 bits fill the lower 8 of each
// byte. ADx[1:0] of a port of 18 bits enable the bytes that are written. With 36 bits port A only
// writes and port B only reads.
// (Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory Usage Guide"; INITVAL: Project Trellis)
module DP16KD (
    input  DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
           DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input  ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5,
           ADA4, ADA3, ADA2, ADA1, ADA0,
    input  CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
           DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    input  DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
           DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input  ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5,
           ADB4, ADB3, ADB2, ADB1, ADB0,
    input  CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
           DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18;
  parameter REGMODE_A = "NOREG";
  parameter WRITEMODE_A = "NORMAL";
  parameter CSDECODE_A = "0b000";
  parameter CLKAMUX = "CLKA";
  parameter DATA_WIDTH_B = 18;
  parameter REGMODE_B = "NOREG";
  parameter WRITEMODE_B = "NORMAL";
  parameter CSDECODE_B = "0b000";
  parameter CLKBMUX = "CLKB";
  parameter RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC";
  parameter GSR = "ENABLED";
  `CONTENTS(INITVAL_, 320)

  wire [13:0] address_a = {
      ADA13, ADA12, ADA11, ADA10, ADA9, ADA8,
      ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
      ADA1, ADA0
  };
  wire [17:0] in_a = {
      DIA17, DIA16, DIA15, DIA14, DIA13, DIA12,
      DIA11, DIA10, DIA9, DIA8, DIA7, DIA6,
      DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
  };
  wire [13:0] address_b = {
      ADB13, ADB12, ADB11, ADB10, ADB9, ADB8,
      ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
      ADB1, ADB0
  };
  wire [17:0] in_b = {
      DIB17, DIB16, DIB15, DIB14, DIB13, DIB12,
      DIB11, DIB10, DIB9, DIB8, DIB7, DIB6,
      DIB5, DIB4, DIB3, DIB2, DIB1, DIB0
  };
  wire [35:0] out_a, out_b;
  spikeloom_block #(
      .BYTE(9), .SLOT(20), .INITIAL(`ALL_CONTENTS(INITVAL_)), .RESET_MODE(RESETMODE),
      .WIDTH_A(DATA_WIDTH_A), .PIPELINED_A(REGMODE_A == "OUTREG"),
      .WRITE_MODE_A(WRITEMODE_A == "NORMAL" ? 0 : WRITEMODE_A == "WRITETHROUGH" ? 1 : 2),
      .WIDTH_B(DATA_WIDTH_B), .PIPELINED_B(REGMODE_B == "OUTREG"),
      .WRITE_MODE_B(WRITEMODE_B == "NORMAL" ? 0 : WRITEMODE_B == "WRITETHROUGH" ? 1 : 2)
  ) block (
      .clk_a(CLKAMUX == "INV" ? ~CLKA : CLKA), .enable_a(CEA && {CSA2, CSA1, CSA0} == 3'b000),
      .output_enable_a(OCEA), .reset_a(RSTA), .write_a(WEA), .address_a(address_a),
      .in_a({in_b, in_a}), .out_a(out_a),
      .clk_b(CLKBMUX == "INV" ? ~CLKB : CLKB), .enable_b(CEB && {CSB2, CSB1, CSB0} == 3'b000),
      .output_enable_b(OCEB), .reset_b(RSTB), .write_b(WEB), .address_b(address_b),
      .in_b({18'd0, in_b}), .out_b(out_b)
  );
  // Of a port of 36 bits, the other has half of the data: the upper of what A writes, the lower of
  // what B reads.
  assign {
      DOA17, DOA16, DOA15, DOA14, DOA13, DOA12,
      DOA11, DOA10, DOA9, DOA8, DOA7, DOA6,
      DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? out_b[17:0] : out_a[17:0];
  assign {
      DOB17, DOB16, DOB15, DOB14, DOB13, DOB12,
      DOB11, DOB10, DOB9, DOB8, DOB7, DOB6,
      DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0];

  generate
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
      dp16kd_with_chip_select_has_no_model select ();
    if (REGMODE_A != "NOREG" && REGMODE_A != "OUTREG" ||
        REGMODE_B != "NOREG" && REGMODE_B != "OUTREG")
      dp16kd_of_this_regmode_has_no_model regmode ();
    if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "WRITETHROUGH" &&
        WRITEMODE_A != "READBEFOREWRITE" || WRITEMODE_B != "NORMAL" &&
        WRITEMODE_B != "WRITETHROUGH" && WRITEMODE_B != "READBEFOREWRITE")
      dp16kd_of_this_writemode_has_no_model writemode ();
  endgenerate
endmodule

// 18 by 18 bits, signed or not, without registers.
// (Lattice FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP Usage Guide")
module MULT18X18D (
    input  A17, A16, A15, A14, A13, A12, A11, A10, A9,
           A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input  B17, B16, B15, B14, B13, B12, B11, B10, B9,
           B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input  C17, C16, C15, C14, C13, C12, C11, C10, C9,
           C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input  SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input  CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27,
           P26, P25, P24, P23, P22, P21, P20, P19, P18,
           P17, P16, P15, P14, P13, P12, P11, P10, P9,
           P8, P7, P6, P5, P4, P3, P2, P1, P0,
    output SIGNEDP
);
  parameter REG_INPUTA_CLK = "NONE";
  parameter REG_INPUTB_CLK = "NONE";
  parameter REG_INPUTC_CLK = "NONE";
  parameter REG_PIPELINE_CLK = "NONE";
  parameter REG_OUTPUT_CLK = "NONE";

  wire [17:0] a = {
      A17, A16, A15, A14, A13, A12,
      A11, A10, A9, A8, A7, A6,
      A5, A4, A3, A2, A1, A0
  };
  wire [17:0] b = {
      B17, B16, B15, B14, B13, B12,
      B11, B10, B9, B8, B7, B6,
      B5, B4, B3, B2, B1, B0
  };
  wire signed [35:0] wide_a = {{18{SIGNEDA & A17}}, a};
  wire signed [35:0] wide_b = {{18{SIGNEDB & B17}}, b};
  assign {
      P35, P34, P33, P32, P31, P30,
      P29, P28, P27, P26, P25, P24,
      P23, P22, P21, P20, P19, P18,
      P17, P16, P15, P14, P13, P12,
      P11, P10, P9, P8, P7, P6,
      P5, P4, P3, P2, P1, P0
  } = wide_a * wide_b;
  assign SIGNEDP = SIGNEDA | SIGNEDB;

  generate
    if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_INPUTC_CLK != "NONE" ||
        REG_PIPELINE_CLK != "NONE" || REG_OUTPUT_CLK != "NONE")
      mult18x18d_with_registers_has_no_model unsupported ();
  endgenerate
endmodule

module TRELLIS_IO (
    inout  B,
    input  I,
    input  T,
    output O
);
  parameter DIR = "INPUT";

  generate
    if (DIR == "OUTPUT") assign B = T ? 1'bz : I, O = 1'b0;
    else if (DIR == "BIDIR") assign B = T ? 1'bz : I, O = B;
    else if (DIR == "INPUT") assign O = B;
    else trellis_io_of_this_direction_has_no_model unsupported ();
  endgenerate
endmodule

module DCCA (
    input  CLKI,
    input  CE,
    output CLKO
);
  reg is_open = 1'b0;
  // Opens and closes while the clock is low.
  always @(CLKI, CE) if (!CLKI) is_open = CE;
  assign CLKO = CLKI & is_open;
endmodule

module EHXPLLL (
    input  CLKI, CLKFB, PHASESEL1, PHASESEL0, PHASEDIR, PHASESTEP, PHASELOADREG, STDBY,
    input  PLLWAKESYNC, RST, ENCLKOP, ENCLKOS, ENCLKOS2, ENCLKOS3,
    output CLKOP, CLKOS, CLKOS2, CLKOS3, LOCK, INTLOCK, REFCLK, CLKINTFB
);
  parameter CLKI_DIV = 1, CLKFB_DIV = 1;
  parameter CLKOP_DIV = 8, CLKOP_CPHASE = 0, CLKOP_FPHASE = 0, CLKOP_ENABLE = "ENABLED";
  parameter CLKOS_DIV = 8, CLKOS_CPHASE = 0, CLKOS_FPHASE = 0, CLKOS_ENABLE = "DISABLED";
  parameter FEEDBK_PATH = "CLKOP", DPHASE_SOURCE = "DISABLED", INTFB_WAKE = "DISABLED";
  parameter OUTDIVIDER_MUXA = "DIVA", OUTDIVIDER_MUXB = "DIVB";
  parameter OUTDIVIDER_MUXC = "DIVC", OUTDIVIDER_MUXD = "DIVD";
  parameter PLLRST_ENA = "DISABLED", STDBY_ENABLE = "DISABLED";

  assign CLKOP = CLKI, CLKOS = CLKI, CLKOS2 = CLKI, CLKOS3 = CLKI, REFCLK = CLKI;
  assign CLKINTFB = CLKI, LOCK = 1'b1, INTLOCK = 1'b1;
endmodule
