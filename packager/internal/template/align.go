package template

// A pairing says which item of one list is which of another: their indices, of which one is
// -1 where the other list has no such item.
type pairing struct{ a, b int }

// maxAligned bounds the table of a longest common subsequence; lists whose differing
// middles are longer than that are paired in their order.
const maxAligned = 1 << 20

// align pairs the items of two lists. What is the same in both, in the same order, is
// paired; of what stands between two such items one is taken for the changed form of the
// other, in their order; and the rest was added or removed.
func align(a, b []*meaning) []pairing {
	same := func(i, j int) bool { return a[i].sum == b[j].sum }
	begin := 0
	for begin < len(a) && begin < len(b) && same(begin, begin) {
		begin++
	}
	endA, endB := len(a), len(b)
	for endA > begin && endB > begin && same(endA-1, endB-1) {
		endA, endB = endA-1, endB-1
	}
	var all []pairing
	for i := range begin {
		all = append(all, pairing{i, i})
	}
	fromA, fromB := begin, begin
	for _, p := range common(a, b, begin, endA, endB) {
		all = append(all, between(fromA, p.a, fromB, p.b)...)
		all = append(all, p)
		fromA, fromB = p.a+1, p.b+1
	}
	all = append(all, between(fromA, endA, fromB, endB)...)
	for i := range len(a) - endA {
		all = append(all, pairing{endA + i, endB + i})
	}
	return all
}

// between pairs what stands between two items that are the same.
func between(fromA, toA, fromB, toB int) (all []pairing) {
	for ; fromA < toA || fromB < toB; fromA, fromB = fromA+1, fromB+1 {
		p := pairing{-1, -1}
		if fromA < toA {
			p.a = fromA
		}
		if fromB < toB {
			p.b = fromB
		}
		all = append(all, p)
	}
	return all
}

// common returns a longest common subsequence of a[begin:endA] and b[begin:endB].
func common(a, b []*meaning, begin, endA, endB int) (all []pairing) {
	n, m := endA-begin, endB-begin
	if n == 0 || m == 0 || n*m > maxAligned {
		return nil
	}
	// length[i*(m+1)+j] is how long it is of what follows i and j.
	length := make([]int32, (n+1)*(m+1))
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if a[begin+i].sum == b[begin+j].sum {
				length[i*(m+1)+j] = length[(i+1)*(m+1)+j+1] + 1
			} else {
				length[i*(m+1)+j] = max(length[(i+1)*(m+1)+j], length[i*(m+1)+j+1])
			}
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case a[begin+i].sum == b[begin+j].sum:
			all = append(all, pairing{begin + i, begin + j})
			i, j = i+1, j+1
		case length[(i+1)*(m+1)+j] >= length[i*(m+1)+j+1]:
			i++
		default:
			j++
		}
	}
	return all
}
