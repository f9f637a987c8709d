// iCE40 cells that Yosys has no model of, or one that does not suit: tables, block RAM, pads, PLLs.
//
// A PLL is a wire: the simulation's clock is the design's, not the oscillator's. Pads do what their
// PIN_TYPE says, without registers; a design that needs more does not compile.
// (Lattice FPGA-TN-02026, "iCE40 Technology Library"; FPGA-TN-02052, "sysCLOCK PLL")

// A table as one look-up: the mux trees of Yosys's model simulate and compile at half the speed.
module SB_LUT4 (
    input  I0, I1, I2, I3,
    output O
);
  parameter [15:0] LUT_INIT = 16'd0;
  assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule

// 256 words of 16 bits. In mode m a row has 16 >> m bits: of each group of 2**m bits of a word the
// one that ADDR[10:8] tells, which enters and leaves in the group's middle. Yosys's model, which
// writes bit by bit, makes sixteen times the code.
// (Lattice FPGA-TN-02002, "Memory Usage Guide for iCE40 Devices")
module SB_RAM40_4K (
    output [15:0] RDATA,
    input  RCLK, RCLKE, RE, WCLK, WCLKE, WE,
    input  [10:0] RADDR, WADDR,
    input  [15:0] MASK, WDATA
);
  parameter WRITE_MODE = 0, READ_MODE = 0, INIT_FILE = "";
  parameter [255:0] INIT_0 = 256'd0, INIT_1 = 256'd0, INIT_2 = 256'd0, INIT_3 = 256'd0;
  parameter [255:0] INIT_4 = 256'd0, INIT_5 = 256'd0, INIT_6 = 256'd0, INIT_7 = 256'd0;
  parameter [255:0] INIT_8 = 256'd0, INIT_9 = 256'd0, INIT_A = 256'd0, INIT_B = 256'd0;
  parameter [255:0] INIT_C = 256'd0, INIT_D = 256'd0, INIT_E = 256'd0, INIT_F = 256'd0;

  localparam [4095:0] INITIAL = {
      INIT_F, INIT_E, INIT_D, INIT_C,
      INIT_B, INIT_A, INIT_9, INIT_8,
      INIT_7, INIT_6, INIT_5, INIT_4,
      INIT_3, INIT_2, INIT_1, INIT_0
  };

  reg [15:0] words[0:255];
  integer word;
  initial for (word = 0; word < 256; word = word + 1) words[word] = INITIAL[16*word+:16];

  wire [15:0] written, enabled, kept;
  reg [15:0] read;
  always @(posedge WCLK)
    if (WE && WCLKE) words[WADDR[7:0]] <= words[WADDR[7:0]] & ~enabled | written & enabled;
  always @(posedge RCLK) if (RE && RCLKE) read <= words[RADDR[7:0]] & kept;

  genvar bit_;
  generate
    if (INIT_FILE != "") sb_ram40_4k_with_a_file_has_no_model unsupported ();
    for (bit_ = 0; bit_ < 16; bit_ = bit_ + 1) begin : places
      localparam WRITE_GROUP = 1 << WRITE_MODE, READ_GROUP = 1 << READ_MODE;
      localparam WRITE_FIRST = bit_ - bit_ % WRITE_GROUP, READ_FIRST = bit_ - bit_ % READ_GROUP;
      assign written[bit_] = WDATA[WRITE_FIRST+(WRITE_GROUP-1)/2];
      assign kept[bit_] = READ_MODE == 0 || RADDR[10:8] % READ_GROUP == bit_ % READ_GROUP;
      if (WRITE_MODE == 0) assign enabled[bit_] = !MASK[bit_];
      else assign enabled[bit_] = WADDR[10:8] % WRITE_GROUP == bit_ % WRITE_GROUP;
      if (bit_ == READ_FIRST + (READ_GROUP - 1) / 2)
        assign RDATA[bit_] = |read[READ_FIRST+:READ_GROUP];
      else assign RDATA[bit_] = 1'b0;
    end
  endgenerate
endmodule

module SB_IO (
    inout  PACKAGE_PIN,
    input  LATCH_INPUT_VALUE,
    input  CLOCK_ENABLE,
    input  INPUT_CLK,
    input  OUTPUT_CLK,
    input  OUTPUT_ENABLE,
    input  D_OUT_0,
    input  D_OUT_1,
    output D_IN_0,
    output D_IN_1
);
  parameter [5:0] PIN_TYPE = 6'b000000;
  parameter [0:0] PULLUP = 1'b0;
  parameter [0:0] NEG_TRIGGER = 1'b0;
  parameter IO_STANDARD = "SB_LVCMOS";

  assign D_IN_1 = 1'b0;
  generate
    if (PIN_TYPE[1:0] != 2'b01) sb_io_with_this_input_type_has_no_model unsupported ();
    else assign D_IN_0 = PACKAGE_PIN;

    if (PIN_TYPE[5:2] == 4'b0110) assign PACKAGE_PIN = D_OUT_0;
    else if (PIN_TYPE[5:2] == 4'b1010) assign PACKAGE_PIN = OUTPUT_ENABLE ? D_OUT_0 : 1'bz;
    else if (PIN_TYPE[5:4] != 2'b00) sb_io_with_this_output_type_has_no_model unsupported ();
  endgenerate
endmodule

module SB_GB_IO (
    inout  PACKAGE_PIN,
    output GLOBAL_BUFFER_OUTPUT,
    input  LATCH_INPUT_VALUE,
    input  CLOCK_ENABLE,
    input  INPUT_CLK,
    input  OUTPUT_CLK,
    input  OUTPUT_ENABLE,
    input  D_OUT_0,
    input  D_OUT_1,
    output D_IN_0,
    output D_IN_1
);
  parameter [5:0] PIN_TYPE = 6'b000000;
  parameter [0:0] PULLUP = 1'b0;
  parameter [0:0] NEG_TRIGGER = 1'b0;
  parameter IO_STANDARD = "SB_LVCMOS";

  assign GLOBAL_BUFFER_OUTPUT = PACKAGE_PIN;
  SB_IO #(.PIN_TYPE(PIN_TYPE)) io (
      .PACKAGE_PIN(PACKAGE_PIN), .OUTPUT_ENABLE(OUTPUT_ENABLE), .D_OUT_0(D_OUT_0), .D_IN_0(D_IN_0)
  );
endmodule

// With the name of its input.
`define ICE40_PLL(CLOCK) ( \
    input        CLOCK, \
    output       PLLOUTCORE, \
    output       PLLOUTGLOBAL, \
    input        EXTFEEDBACK, \
    input  [7:0] DYNAMICDELAY, \
    output       LOCK, \
    input        BYPASS, \
    input        RESETB, \
    input        LATCHINPUTVALUE, \
    output       SDO, \
    input        SDI, \
    input        SCLK \
); \
  parameter FEEDBACK_PATH = "SIMPLE"; \
  parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED"; \
  parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED"; \
  parameter SHIFTREG_DIV_MODE = 1'b0; \
  parameter FDA_FEEDBACK = 4'b0000; \
  parameter FDA_RELATIVE = 4'b0000; \
  parameter PLLOUT_SELECT = "GENCLK"; \
  parameter DIVR = 4'b0000; \
  parameter DIVF = 7'b0000000; \
  parameter DIVQ = 3'b000; \
  parameter FILTER_RANGE = 3'b000; \
  parameter ENABLE_ICEGATE = 1'b0; \
  parameter TEST_MODE = 1'b0; \
  parameter EXTERNAL_DIVIDE_FACTOR = 1; \
\
  assign PLLOUTCORE = CLOCK, PLLOUTGLOBAL = CLOCK, LOCK = RESETB, SDO = 1'b0; \
endmodule

module SB_PLL40_CORE `ICE40_PLL(REFERENCECLK)

module SB_PLL40_PAD `ICE40_PLL(PACKAGEPIN)
