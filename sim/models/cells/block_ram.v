// Block RAM of ECP5 and Gowin: 512 words of four bytes of 8 or 9 bits, behind two ports.

// The parameters NAME00 to NAME3F of a cell with its contents, and all of them.
`define CONTENTS(NAME, BITS) \
  parameter [BITS-1:0] \
      NAME``00 = 0, NAME``01 = 0, NAME``02 = 0, NAME``03 = 0, \
      NAME``04 = 0, NAME``05 = 0, NAME``06 = 0, NAME``07 = 0, \
      NAME``08 = 0, NAME``09 = 0, NAME``0A = 0, NAME``0B = 0, \
      NAME``0C = 0, NAME``0D = 0, NAME``0E = 0, NAME``0F = 0, \
      NAME``10 = 0, NAME``11 = 0, NAME``12 = 0, NAME``13 = 0, \
      NAME``14 = 0, NAME``15 = 0, NAME``16 = 0, NAME``17 = 0, \
      NAME``18 = 0, NAME``19 = 0, NAME``1A = 0, NAME``1B = 0, \
      NAME``1C = 0, NAME``1D = 0, NAME``1E = 0, NAME``1F = 0, \
      NAME``20 = 0, NAME``21 = 0, NAME``22 = 0, NAME``23 = 0, \
      NAME``24 = 0, NAME``25 = 0, NAME``26 = 0, NAME``27 = 0, \
      NAME``28 = 0, NAME``29 = 0, NAME``2A = 0, NAME``2B = 0, \
      NAME``2C = 0, NAME``2D = 0, NAME``2E = 0, NAME``2F = 0, \
      NAME``30 = 0, NAME``31 = 0, NAME``32 = 0, NAME``33 = 0, \
      NAME``34 = 0, NAME``35 = 0, NAME``36 = 0, NAME``37 = 0, \
      NAME``38 = 0, NAME``39 = 0, NAME``3A = 0, NAME``3B = 0, \
      NAME``3C = 0, NAME``3D = 0, NAME``3E = 0, NAME``3F = 0;

`define ALL_CONTENTS(NAME) { \
      NAME``3F, NAME``3E, NAME``3D, NAME``3C, \
      NAME``3B, NAME``3A, NAME``39, NAME``38, \
      NAME``37, NAME``36, NAME``35, NAME``34, \
      NAME``33, NAME``32, NAME``31, NAME``30, \
      NAME``2F, NAME``2E, NAME``2D, NAME``2C, \
      NAME``2B, NAME``2A, NAME``29, NAME``28, \
      NAME``27, NAME``26, NAME``25, NAME``24, \
      NAME``23, NAME``22, NAME``21, NAME``20, \
      NAME``1F, NAME``1E, NAME``1D, NAME``1C, \
      NAME``1B, NAME``1A, NAME``19, NAME``18, \
      NAME``17, NAME``16, NAME``15, NAME``14, \
      NAME``13, NAME``12, NAME``11, NAME``10, \
      NAME``0F, NAME``0E, NAME``0D, NAME``0C, \
      NAME``0B, NAME``0A, NAME``09, NAME``08, \
      NAME``07, NAME``06, NAME``05, NAME``04, \
      NAME``03, NAME``02, NAME``01, NAME``00}

// One port: `old` is the word at its address, `changed` what a write makes of it. The lowest lines
// of the address of a port of two or four bytes enable those that are written.
module spikeloom_block_port #(
    parameter BYTE = 9, SMALLEST = 1, WIDTH = BYTE,
    parameter PIPELINED = 1'b0,
    parameter [1:0] WRITE_MODE = 2'b00,
    parameter RESET_MODE = "SYNC"
) (
    input  clk, enable, output_enable, reset, write,
    input  [4:0] address,
    input  [4*BYTE-1:0] in, old,
    output [4*BYTE-1:0] changed, out
);
  function [4*BYTE-1:0] width_mask(input integer width);
    integer place;
    for (place = 0; place < 4 * BYTE; place = place + 1) width_mask[place] = place < width;
  endfunction

  function [5:0] first_bit(input [4:0] low);
    case (WIDTH)
      1: first_bit = low[4:3] * BYTE + low[2:0];
      2: first_bit = low[4:3] * BYTE + {low[2:1], 1'b0};
      4: first_bit = low[4:3] * BYTE + {low[2], 2'b0};
      BYTE: first_bit = low[4:3] * BYTE;
      2 * BYTE: first_bit = low[4] * 2 * BYTE;
      default: first_bit = 0;
    endcase
  endfunction

  wire [5:0] shift = first_bit(address);
  wire [4*BYTE-1:0] mask = width_mask(WIDTH);
  wire [4*BYTE-1:0] bytes =
      WIDTH == 2 * BYTE ? {{BYTE{address[1]}}, {BYTE{address[0]}}} << shift :
      WIDTH == 4 * BYTE ? {{BYTE{address[3]}}, {BYTE{address[2]}},
                           {BYTE{address[1]}}, {BYTE{address[0]}}} :
      mask << shift;
  assign changed = old & ~bytes | (in & mask) << shift & bytes;
  wire [4*BYTE-1:0] shown = write && WRITE_MODE == 2'b01 ? changed : old;
  wire cleared = RESET_MODE == "ASYNC" && reset;
  reg [4*BYTE-1:0] read = 0, kept = 0;
  always @(posedge clk, posedge cleared)
    if (cleared || reset) begin
      read <= 0;
      kept <= 0;
    end else begin
      if (enable && (!write || WRITE_MODE != 2'b00)) read <= shown >> shift & mask;
      if (output_enable) kept <= read;
    end
  assign out = PIPELINED ? kept : read;

  generate
    if (WIDTH < SMALLEST || !(WIDTH == 1 || WIDTH == 2 || WIDTH == 4 || WIDTH == BYTE ||
                              WIDTH == 2 * BYTE || WIDTH == 4 * BYTE))
      block_ram_of_this_width_has_no_model unsupported ();
  endgenerate
endmodule

module spikeloom_block #(
    parameter BYTE = 9, SMALLEST = 1,
    // Two bytes of contents lie in so many bits.
    parameter SLOT = 2 * BYTE,
    parameter [1024*SLOT-1:0] INITIAL = 0,
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
  initial
    for (word = 0; word < 512; word = word + 1)
      words[word] = {INITIAL[SLOT*(2*word+1)+:2*BYTE], INITIAL[SLOT*2*word+:2*BYTE]};

  wire [4*BYTE-1:0] changed_a, changed_b;
  always @(posedge clk_a) if (enable_a && write_a) words[address_a[13:5]] <= changed_a;
  always @(posedge clk_b) if (enable_b && write_b) words[address_b[13:5]] <= changed_b;

  spikeloom_block_port #(
      .BYTE(BYTE), .SMALLEST(SMALLEST), .WIDTH(WIDTH_A), .PIPELINED(PIPELINED_A),
      .WRITE_MODE(WRITE_MODE_A), .RESET_MODE(RESET_MODE)
  ) port_a (
      .clk(clk_a), .enable(enable_a), .output_enable(output_enable_a), .reset(reset_a),
      .write(write_a), .address(address_a[4:0]), .in(in_a), .old(words[address_a[13:5]]),
      .changed(changed_a), .out(out_a)
  );
  spikeloom_block_port #(
      .BYTE(BYTE), .SMALLEST(SMALLEST), .WIDTH(WIDTH_B), .PIPELINED(PIPELINED_B),
      .WRITE_MODE(WRITE_MODE_B), .RESET_MODE(RESET_MODE)
  ) port_b (
      .clk(clk_b), .enable(enable_b), .output_enable(output_enable_b), .reset(reset_b),
      .write(write_b), .address(address_b[4:0]), .in(in_b), .old(words[address_b[13:5]]),
      .changed(changed_b), .out(out_b)
  );
endmodule
