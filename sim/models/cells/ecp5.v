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
  parameter [319:0] INITVAL_00 = 320'd0, INITVAL_01 = 320'd0;
  parameter [319:0] INITVAL_02 = 320'd0, INITVAL_03 = 320'd0;
  parameter [319:0] INITVAL_04 = 320'd0, INITVAL_05 = 320'd0;
  parameter [319:0] INITVAL_06 = 320'd0, INITVAL_07 = 320'd0;
  parameter [319:0] INITVAL_08 = 320'd0, INITVAL_09 = 320'd0;
  parameter [319:0] INITVAL_0A = 320'd0, INITVAL_0B = 320'd0;
  parameter [319:0] INITVAL_0C = 320'd0, INITVAL_0D = 320'd0;
  parameter [319:0] INITVAL_0E = 320'd0, INITVAL_0F = 320'd0;
  parameter [319:0] INITVAL_10 = 320'd0, INITVAL_11 = 320'd0;
  parameter [319:0] INITVAL_12 = 320'd0, INITVAL_13 = 320'd0;
  parameter [319:0] INITVAL_14 = 320'd0, INITVAL_15 = 320'd0;
  parameter [319:0] INITVAL_16 = 320'd0, INITVAL_17 = 320'd0;
  parameter [319:0] INITVAL_18 = 320'd0, INITVAL_19 = 320'd0;
  parameter [319:0] INITVAL_1A = 320'd0, INITVAL_1B = 320'd0;
  parameter [319:0] INITVAL_1C = 320'd0, INITVAL_1D = 320'd0;
  parameter [319:0] INITVAL_1E = 320'd0, INITVAL_1F = 320'd0;
  parameter [319:0] INITVAL_20 = 320'd0, INITVAL_21 = 320'd0;
  parameter [319:0] INITVAL_22 = 320'd0, INITVAL_23 = 320'd0;
  parameter [319:0] INITVAL_24 = 320'd0, INITVAL_25 = 320'd0;
  parameter [319:0] INITVAL_26 = 320'd0, INITVAL_27 = 320'd0;
  parameter [319:0] INITVAL_28 = 320'd0, INITVAL_29 = 320'd0;
  parameter [319:0] INITVAL_2A = 320'd0, INITVAL_2B = 320'd0;
  parameter [319:0] INITVAL_2C = 320'd0, INITVAL_2D = 320'd0;
  parameter [319:0] INITVAL_2E = 320'd0, INITVAL_2F = 320'd0;
  parameter [319:0] INITVAL_30 = 320'd0, INITVAL_31 = 320'd0;
  parameter [319:0] INITVAL_32 = 320'd0, INITVAL_33 = 320'd0;
  parameter [319:0] INITVAL_34 = 320'd0, INITVAL_35 = 320'd0;
  parameter [319:0] INITVAL_36 = 320'd0, INITVAL_37 = 320'd0;
  parameter [319:0] INITVAL_38 = 320'd0, INITVAL_39 = 320'd0;
  parameter [319:0] INITVAL_3A = 320'd0, INITVAL_3B = 320'd0;
  parameter [319:0] INITVAL_3C = 320'd0, INITVAL_3D = 320'd0;
  parameter [319:0] INITVAL_3E = 320'd0, INITVAL_3F = 320'd0;

  localparam [20479:0] INITIAL = {
      INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C,
      INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
      INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
      INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
      INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
      INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
      INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
      INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
      INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
      INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
      INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14,
      INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
      INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C,
      INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
      INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
      INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };

  reg [17:0] words[0:1023];
  integer word;
  initial
    // Sixteen words in slots of 20 bits.
    for (word = 0; word < 1024; word = word + 1) words[word] = INITIAL[20*word+:18];

  function [17:0] width_mask(input integer width);
    width_mask = width >= 18 ? 18'h3ffff : (18'd1 << width) - 18'd1;
  endfunction

  function [4:0] first_bit(input integer width, input [3:0] low);
    case (width)
      9: first_bit = low[3] ? 5'd9 : 5'd0;
      4: first_bit = (low[3] ? 5'd9 : 5'd0) + {2'b0, low[2], 2'b0};
      2: first_bit = (low[3] ? 5'd9 : 5'd0) + {2'b0, low[2:1], 1'b0};
      1: first_bit = (low[3] ? 5'd9 : 5'd0) + {2'b0, low[2:0]};
      default: first_bit = 5'd0;
    endcase
  endfunction

  // Port A
  wire [13:0] address_a = {
      ADA13, ADA12, ADA11, ADA10, ADA9, ADA8,
      ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
      ADA1, ADA0
  };
  wire [17:0] written_a = {
      DIA17, DIA16, DIA15, DIA14, DIA13, DIA12,
      DIA11, DIA10, DIA9, DIA8, DIA7, DIA6,
      DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
  };
  wire clock_a = CLKAMUX == "INV" ? ~CLKA : CLKA;
  wire [4:0] shift_a = first_bit(DATA_WIDTH_A, address_a[3:0]);
  wire [17:0] mask_a = width_mask(DATA_WIDTH_A);
  wire [17:0] bytes_a =
      DATA_WIDTH_A >= 18 ? {{9{ADA1}}, {9{ADA0}}} : mask_a << shift_a;
  wire [9:0] word_a = {address_a[13:5], DATA_WIDTH_A == 36 ? 1'b0 : address_a[4]};
  wire [17:0] old_a = words[word_a];
  wire [17:0] new_a = old_a & ~bytes_a | (written_a & mask_a) << shift_a & bytes_a;
  wire [17:0] shown_a = WEA && WRITEMODE_A == "WRITETHROUGH" ? new_a : old_a;
  wire enabled_a = CEA && {CSA2, CSA1, CSA0} == 3'b000;
  // Of a port of 36 bits, port B brings the upper half of what is written.
  wire [17:0] upper_bytes_a = {{9{ADA3}}, {9{ADA2}}};
  wire [17:0] upper_a = words[word_a+10'd1] & ~upper_bytes_a | written_b & upper_bytes_a;
  wire cleared_a = RESETMODE == "ASYNC" && RSTA;
  reg [17:0] read_a = 18'd0, output_a = 18'd0;
  always @(posedge clock_a)
    if (enabled_a && WEA) begin
      words[word_a] <= new_a;
      if (DATA_WIDTH_A == 36) words[word_a+10'd1] <= upper_a;
    end
  always @(posedge clock_a, posedge cleared_a)
    if (cleared_a || RSTA) begin
      read_a <= 18'd0;
      output_a <= 18'd0;
    end else begin
      if (enabled_a && (!WEA || WRITEMODE_A != "NORMAL"))
        read_a <= shown_a >> shift_a & mask_a;
      if (OCEA) output_a <= read_a;
    end
  assign {
      DOA17, DOA16, DOA15, DOA14, DOA13, DOA12,
      DOA11, DOA10, DOA9, DOA8, DOA7, DOA6,
      DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? lower_b : REGMODE_A == "OUTREG" ? output_a : read_a;

  // Port B
  wire [13:0] address_b = {
      ADB13, ADB12, ADB11, ADB10, ADB9, ADB8,
      ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
      ADB1, ADB0
  };
  wire [17:0] written_b = {
      DIB17, DIB16, DIB15, DIB14, DIB13, DIB12,
      DIB11, DIB10, DIB9, DIB8, DIB7, DIB6,
      DIB5, DIB4, DIB3, DIB2, DIB1, DIB0
  };
  wire clock_b = CLKBMUX == "INV" ? ~CLKB : CLKB;
  wire [4:0] shift_b = first_bit(DATA_WIDTH_B, address_b[3:0]);
  wire [17:0] mask_b = width_mask(DATA_WIDTH_B);
  wire [17:0] bytes_b =
      DATA_WIDTH_B >= 18 ? {{9{ADB1}}, {9{ADB0}}} : mask_b << shift_b;
  wire [9:0] word_b = {address_b[13:5], DATA_WIDTH_B == 36 ? 1'b0 : address_b[4]};
  wire [17:0] old_b = words[word_b];
  wire [17:0] new_b = old_b & ~bytes_b | (written_b & mask_b) << shift_b & bytes_b;
  wire [17:0] shown_b = WEB && WRITEMODE_B == "WRITETHROUGH" ? new_b : old_b;
  wire enabled_b = CEB && {CSB2, CSB1, CSB0} == 3'b000;
  wire cleared_b = RESETMODE == "ASYNC" && RSTB;
  reg [17:0] read_b = 18'd0, output_b = 18'd0, upper_read_b = 18'd0, upper_output_b = 18'd0;
  always @(posedge clock_b)
    if (enabled_b && WEB) words[word_b] <= new_b;
  always @(posedge clock_b, posedge cleared_b)
    if (cleared_b || RSTB) begin
      read_b <= 18'd0;
      output_b <= 18'd0;
      upper_read_b <= 18'd0;
      upper_output_b <= 18'd0;
    end else begin
      if (enabled_b && (!WEB || WRITEMODE_B != "NORMAL")) begin
        read_b <= shown_b >> shift_b & mask_b;
        upper_read_b <= words[word_b+10'd1];
      end
      if (OCEB) begin
        output_b <= read_b;
        upper_output_b <= upper_read_b;
      end
    end
  // Of a port of 36 bits, port A shows the lower half of what is read.
  wire [17:0] lower_b = REGMODE_B == "OUTREG" ? output_b : read_b;
  wire [17:0] higher_b = REGMODE_B == "OUTREG" ? upper_output_b : upper_read_b;
  assign {
      DOB17, DOB16, DOB15, DOB14, DOB13, DOB12,
      DOB11, DOB10, DOB9, DOB8, DOB7, DOB6,
      DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? higher_b : lower_b;

  generate
    if (!(DATA_WIDTH_A == 1 || DATA_WIDTH_A == 2 || DATA_WIDTH_A == 4 ||
          DATA_WIDTH_A == 9 || DATA_WIDTH_A == 18 || DATA_WIDTH_A == 36))
      dp16kd_of_this_width_has_no_model width_a ();
    if (CSDECODE_A != "0b000") dp16kd_with_chip_select_has_no_model select_a ();
    if (REGMODE_A != "NOREG" && REGMODE_A != "OUTREG")
      dp16kd_of_this_regmode_has_no_model regmode_a ();
    if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "WRITETHROUGH" &&
        WRITEMODE_A != "READBEFOREWRITE")
      dp16kd_of_this_writemode_has_no_model writemode_a ();
    if (!(DATA_WIDTH_B == 1 || DATA_WIDTH_B == 2 || DATA_WIDTH_B == 4 ||
          DATA_WIDTH_B == 9 || DATA_WIDTH_B == 18 || DATA_WIDTH_B == 36))
      dp16kd_of_this_width_has_no_model width_b ();
    if (CSDECODE_B != "0b000") dp16kd_with_chip_select_has_no_model select_b ();
    if (REGMODE_B != "NOREG" && REGMODE_B != "OUTREG")
      dp16kd_of_this_regmode_has_no_model regmode_b ();
    if (WRITEMODE_B != "NORMAL" && WRITEMODE_B != "WRITETHROUGH" &&
        WRITEMODE_B != "READBEFOREWRITE")
      dp16kd_of_this_writemode_has_no_model writemode_b ();
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
