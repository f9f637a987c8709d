// Adders, subtractors and comparators of Yosys ($alu) as carry chains of an ECP5, two bits a cell.
//
// Yosys's own map starts a chain with a constant carry and ends it with a carry nobody takes;
// nextpnr spends a cell on each. Here the first half of the first cell only makes the first carry
// (its table never propagates, so that nothing needs to come in), the lowest sum is a table, and
// carries are read back from sums, so that no chain is cut.
//
// Source: the CCU2C in Yosys's lattice/cells_sim.v. With C and D at 1 a half propagates by the upper
// four bits of its INIT and generates by the lower four, both indexed by B and A.

(* techmap_celltype = "$alu" *)
module ecp5_adder (A, B, CI, BI, X, Y, CO);
	parameter A_SIGNED = 0;
	parameter B_SIGNED = 0;
	parameter A_WIDTH = 1;
	parameter B_WIDTH = 1;
	parameter Y_WIDTH = 1;
	parameter _TECHMAP_CONSTMSK_CI_ = 0;
	parameter _TECHMAP_CONSTVAL_CI_ = 0;
	parameter _TECHMAP_CONSTMSK_BI_ = 0;
	parameter _TECHMAP_CONSTVAL_BI_ = 0;

	(* force_downto *)
	input [A_WIDTH-1:0] A;
	(* force_downto *)
	input [B_WIDTH-1:0] B;
	input CI, BI;
	(* force_downto *)
	output [Y_WIDTH-1:0] X, Y, CO;

	// Tables alone are as small and as fast up to four bits.
	wire _TECHMAP_FAIL_ = Y_WIDTH <= 4 || !_TECHMAP_CONSTMSK_CI_ || !_TECHMAP_CONSTMSK_BI_;

	localparam CELLS = Y_WIDTH / 2 + 1;
	localparam CARRY = _TECHMAP_CONSTVAL_CI_ == 1;
	localparam INVERT = _TECHMAP_CONSTVAL_BI_ == 1;
	localparam FIRST = CARRY ? (INVERT ? 16'h000b : 16'h000e) : (INVERT ? 16'h0002 : 16'h0008);
	localparam OTHER = INVERT ? 16'h900a : 16'h600a;

	(* force_downto *)
	wire [Y_WIDTH-1:0] A_wide, B_wide;
	\$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) A_conv (.A(A), .Y(A_wide));
	\$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) B_conv (.A(B), .Y(B_wide));

	(* force_downto *)
	wire [2*CELLS-1:0] a = A_wide;
	(* force_downto *)
	wire [2*CELLS-1:0] b = {{(2*CELLS-Y_WIDTH){INVERT}}, B_wide};
	(* force_downto *)
	wire [2*CELLS-1:0] sum;
	(* force_downto *)
	wire [CELLS:0] carry;
	assign carry[0] = 1'b0;

	genvar i;
	generate for (i = 0; i < CELLS; i = i + 1) begin:cell
		CCU2C #(
			.INIT0(i == 0 ? FIRST : OTHER),
			.INIT1(OTHER),
			.INJECT1_0("NO"),
			.INJECT1_1("NO")
		) ccu2c (
			.CIN(carry[i]),
			.A0(a[2*i]), .B0(b[2*i]), .C0(1'b1), .D0(1'b1),
			.A1(a[2*i+1]), .B1(b[2*i+1]), .C1(1'b1), .D1(1'b1),
			.S0(sum[2*i]), .S1(sum[2*i+1]),
			.COUT(carry[i+1])
		);
	end endgenerate

	assign X = A_wide ^ (INVERT ? ~B_wide : B_wide);
	assign Y = {sum[Y_WIDTH-1:1], X[0] ^ CI};
	assign CO = sum[Y_WIDTH:1] ^ (X >> 1);
endmodule
