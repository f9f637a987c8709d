// A simulation model: appends a decimal number per `write` to the file +NAME=path.
module recorder #(parameter NAME = "recorder") (
    input logic        clk,
    input logic        write,
    input logic [31:0] number
);
  int    file = 0;
  string path;

  initial if ($value$plusargs({NAME, "=%s"}, path)) file = $fopen(path, "w");

  always @(posedge clk) if (write && file != 0) $fwrite(file, "%0d\n", number);

  final if (file != 0) $fclose(file);
endmodule
