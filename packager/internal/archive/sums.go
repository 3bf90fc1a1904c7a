package archive

import (
	"crypto/sha256"
	"hash"
)

// sums are the SHA-256 of all that is written, and of each piece of it: whoever sends it
// in pieces later holds each against what was written, and not against what is in the
// file by then.
type sums struct {
	size         int64 // of a piece
	whole, piece hash.Hash
	in           int64 // bytes of the piece at hand
	pieces       [][]byte
}

func newSums(piece int64) *sums { return &sums{size: piece, whole: sha256.New(), piece: sha256.New()} }

func (s *sums) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(int64(len(p)), s.size-s.in)]
		_, _ = s.whole.Write(part)
		if len(s.pieces) > 0 {
			_, _ = s.piece.Write(part)
		}
		if s.in += int64(len(part)); s.in == s.size {
			s.end()
		}
		p = p[len(part):]
	}
	return n, nil
}

// end ends a piece. The first one is all until then: most archives are one piece, and
// are not read twice.
func (s *sums) end() {
	of := s.piece
	if len(s.pieces) == 0 {
		of = s.whole
	}
	s.pieces = append(s.pieces, of.Sum(nil))
	s.piece.Reset()
	s.in = 0
}

// spool is the file at path, of which all is written.
func (s *sums) spool(path string, size int64) *Spool {
	if s.in > 0 {
		s.end()
	}
	return &Spool{Path: path, Size: size, SHA256: [sha256.Size]byte(s.whole.Sum(nil)), Pieces: s.pieces}
}
