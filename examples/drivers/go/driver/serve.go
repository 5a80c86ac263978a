// Package driver speaks the driver protocol for a storage of task records.
package driver

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"sync"
	"sync/atomic"
)

// Main serves the storage on standard input and output, and ends the program with its input.
func Main(driver Driver) {
	if err := driver.Serve(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// Serve answers requests until the input ends, each in a goroutine of its own.
func (d Driver) Serve(in io.Reader, out io.Writer) error {
	s := &server{driver: d, out: json.NewEncoder(out)}
	s.out.SetEscapeHTML(false)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		underWay.Add(1)
		go func() {
			defer underWay.Done()
			s.answer(line)
		}()
	}
}

type server struct {
	driver  Driver
	handles sync.Map
	opened  atomic.Int64

	writing sync.Mutex
	out     *json.Encoder
}

func (s *server) answer(line []byte) {
	var request request
	if err := json.Unmarshal(line, &request); err != nil {
		log.Fatalf("a line is no request: %v", err)
	}
	response := response{Protocol: "2.0", ID: request.ID}
	result, err := s.perform(request)
	if err != nil {
		response.Error = failureOf(err)
	} else {
		response.Result = result
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.out.Encode(response); err != nil {
		log.Fatal(err)
	}
}

func (s *server) perform(request request) (any, error) {
	var params params
	if json.Unmarshal(request.Params, &params) != nil {
		// What the decoder says may quote what is in a record.
		return nil, errors.New("the params cannot be read")
	}
	return s.call(request.Method, params)
}

func failureOf(err error) *failure {
	var named *Error
	if !errors.As(err, &named) {
		named = &Error{Kind: "BackendError"}
	}
	return &failure{Code: -32000, Message: err.Error(), Data: named}
}
