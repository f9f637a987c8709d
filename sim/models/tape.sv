// A simulation model: plays words from a binary file, one per `next`.
//
// The file is named by the plus-argument +NAME=path. Words are big-endian and a whole number of
// bytes. `valid` falls after the last one; without a file the tape is empty.
module tape #(parameter int BITS = 8, parameter NAME = "tape") (
    input  logic            clk,
    input  logic            next,
    output logic [BITS-1:0] word,
    output logic            valid
);
  int              file = 0;
  string           path;
  logic [BITS-1:0] read;

  initial begin
    valid = 0;
    word  = '0;
    if ($value$plusargs({NAME, "=%s"}, path)) begin
      file  = $fopen(path, "rb");
      valid = file != 0 && $fread(read, file) == BITS / 8;
      word  = read;
    end
  end

  always @(posedge clk) begin
    if (next && valid) begin
      valid <= $fread(read, file) == BITS / 8;
      word  <= read;
    end
  end
endmodule
