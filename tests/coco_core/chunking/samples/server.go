package server

import (
	"net/http"

	log "github.com/acme/log"
)

// Version is set at build time.
const Version = "1"

var (
	started bool
	a, b    = 1, 2
)

type Handler func(w http.ResponseWriter)

// Server answers requests.
type Server[T any] struct {
	addr string
}

type (
	Reader interface {
		Read(p []byte) (int, error)
	}
	Alias = Server[int]
)

// New makes a server.
func New(addr string) *Server[int] {
	const local = 1
	return &Server[int]{addr: addr}
}

func (s *Server[T]) Serve() error {
	return nil
}

func (s Server[T]) Addr() string { return s.addr }
