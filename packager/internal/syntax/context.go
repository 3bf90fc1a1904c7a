package syntax

import (
	"context"
	"io"
)

// A contextReader ends the reading of a long text when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	// A reader that asks for all at once would be asked no more whether the context has ended.
	return c.r.Read(p[:min(len(p), 64<<10)])
}
