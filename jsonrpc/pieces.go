package jsonrpc

// ownPiece is from how many bytes on a payload is not copied. To write it by itself costs two system calls more.
const ownPiece = 64 << 10

// pieces are bytes that are to be written, in their order: small frames are gathered, and large payloads lie between them as they are.
type pieces struct {
	list  [][]byte
	buf   []byte // all that has been gathered; pieces are parts of it
	next  int    // in buf: where the next piece begins
	bytes int    // of large payloads
}

// size is how many bytes there are.
func (p *pieces) size() int { return p.bytes + len(p.buf) }

// put adds a payload that does not change any more.
func (p *pieces) put(payload []byte) {
	p.list = append(p.all(), payload)
	p.bytes += len(payload)
}

// all gives the pieces.
func (p *pieces) all() [][]byte {
	if p.next < len(p.buf) {
		p.list = append(p.list, p.buf[p.next:])
		p.next = len(p.buf)
	}
	return p.list
}

// again gives empty pieces that use the same memory, unless it is much.
func (p *pieces) again() pieces {
	if cap(p.buf) > keepBuffer {
		return pieces{}
	}
	clear(p.list) // payloads go
	return pieces{list: p.list[:0], buf: p.buf[:0]}
}

// sizeOf is how many bytes pieces have.
func sizeOf(list [][]byte) (size int) {
	for _, b := range list {
		size += len(b)
	}
	return size
}
