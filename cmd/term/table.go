package term

import (
	"slices"
	"strings"
)

// gap stands between two columns.
const gap = "  "

// Table collects rows and prints them in columns. On a terminal a row fits its
// width: the widest columns give way, and a cell that was cut ends in an
// ellipsis. Where that would leave nothing to read, each cell has a line of its
// own. Elsewhere nothing is cut. A cell may hold sequences of Style's;
// all else in it is the caller's to escape.
type Table struct {
	t     *Terminal
	heads []string
	rows  [][]string
	right []int
	whole []int
}

// Table begins a table. Headers are shown bold; without any there is no line
// for them.
func (t *Terminal) Table(headers ...string) *Table {
	tb := &Table{t: t, heads: headers}
	if len(headers) > 0 {
		bold := make([]string, len(headers))
		for i, h := range headers {
			bold[i] = t.OutStyle().Bold(h)
		}
		tb.Row(bold...)
	}
	return tb
}

// Right aligns these columns, counted from 0, to the right.
func (tb *Table) Right(columns ...int) *Table {
	tb.right = append(tb.right, columns...)
	return tb
}

// Whole says that a cut cell of these columns would be worth nothing: the others
// give way first, and a table too narrow for it is stacked.
func (tb *Table) Whole(columns ...int) *Table {
	tb.whole = append(tb.whole, columns...)
	return tb
}

// Row adds a row. Rows may differ in length.
func (tb *Table) Row(cells ...string) { tb.rows = append(tb.rows, slices.Clone(cells)) }

// Flush prints the table in one write.
func (tb *Table) Flush() error {
	widths, limit := tb.widths(), 0
	if tb.t.OutIsTerminal() {
		limit = tb.t.width(tb.t.out)
		natural := slices.Clone(widths)
		shrink(widths, limit, tb.whole)
		if unreadable(natural, widths) || len(tb.whole) > 0 && tooWide(widths, limit) > 0 {
			return tb.stack(limit)
		}
	}
	b := make([]byte, 0, len(tb.rows)*max(0, tooWide(widths, -len("\n"))))
	for _, row := range tb.rows {
		begin := len(b)
		b = tb.appendRow(b, row, widths)
		if limit > 0 {
			b = append(b[:begin], cut(string(b[begin:]), limit)...) // more columns than the terminal has
		}
		b = append(b, '\n')
	}
	tb.rows = nil
	_, err := tb.t.Out().Write(b)
	return err
}

// unreadable says that a column has few letters left, and lost a third or more.
func unreadable(natural, widths []int) bool {
	const few = 10
	for i := range widths {
		if widths[i] < few && 3*widths[i] < 2*natural[i] {
			return true
		}
	}
	return false
}

// stack prints a row as its first cell, and each other one below it, named by
// its header. What has no header goes in front of what follows.
func (tb *Table) stack(limit int) error {
	var b strings.Builder
	for i, row := range tb.rows {
		switch {
		case len(tb.heads) == 0:
			b.WriteString(flow(row, limit))
		case i > 0:
			b.WriteString(tb.stacked(row, limit))
		}
	}
	tb.rows = nil
	_, err := tb.t.Out().Write([]byte(b.String()))
	return err
}

func (tb *Table) stacked(row []string, limit int) string {
	const below, deeper = "  ", "    "
	text, before := "", ""
	for i, cell := range row {
		switch {
		case cell == "":
		case i >= len(tb.heads) || tb.heads[i] == "":
			before += cell + " "
		case text == "":
			text, before = hang(before+cell, limit, deeper)+"\n", ""
		default:
			text, before = text+hang(below+before+strings.ToLower(tb.heads[i])+" "+cell, limit, deeper)+"\n", ""
		}
	}
	if before != "" {
		text += strings.TrimSpace(before) + "\n"
	}
	return text
}

// flow prints the cells of a row one after the other, in as many lines as it
// takes.
func flow(row []string, limit int) string {
	text, used := "", 0
	for _, cell := range row {
		switch {
		case cell == "":
			continue
		case text == "":
			text, used = hang(cell, limit, gap), columns(cell)
		case used+len(gap)+columns(cell) <= limit:
			text, used = text+gap+cell, used+len(gap)+columns(cell)
		default:
			text, used = text+"\n"+gap+hang(cell, limit-len(gap), gap+gap), len(gap)+columns(cell)
		}
	}
	return text + "\n"
}

// widths is the natural width of each column.
func (tb *Table) widths() []int {
	var widths []int
	for _, row := range tb.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	return widths
}

// tooWide is by how much the columns and their gaps exceed the limit.
func tooWide(widths []int, limit int) int {
	over := len(gap)*(len(widths)-1) - limit
	for _, w := range widths {
		over += w
	}
	return over
}

// shrink takes columns from the widest that need not stay whole until all fit
// the limit, or each of those is down to one.
func shrink(widths []int, limit int, whole []int) {
	for over := tooWide(widths, limit); over > 0; over-- {
		widest, most := -1, 1
		for i, w := range widths {
			if w > 1 && w >= most && !slices.Contains(whole, i) { // of equals the last, it matters less
				widest, most = i, w
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// appendRow appends one row, without trailing blanks.
func (tb *Table) appendRow(b []byte, row []string, widths []int) []byte {
	for len(row) > 0 && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	for i, cell := range row {
		if i > 0 {
			b = append(b, gap...)
		}
		cell = cut(cell, widths[i])
		pad := widths[i] - columns(cell)
		switch {
		case slices.Contains(tb.right, i):
			b = append(appendBlanks(b, pad), cell...)
		case i < len(row)-1:
			b = appendBlanks(append(b, cell...), pad)
		default:
			b = append(b, cell...)
		}
	}
	return b
}

func appendBlanks(b []byte, n int) []byte {
	const blanks = "                                                                "
	for ; n > len(blanks); n -= len(blanks) {
		b = append(b, blanks...)
	}
	return append(b, blanks[:n]...)
}
