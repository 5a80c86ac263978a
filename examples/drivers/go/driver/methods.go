package driver

import (
	"errors"
	"fmt"
	"math"
	"time"
)

func (s *server) call(method string, p params) (any, error) {
	switch method {
	case "describe":
		return s.driver.description(), nil
	case "open":
		return s.adopt(s.driver.Open())
	case "close":
		return object{}, s.close(p.Handle)
	case "open_fresh":
		return s.adopt(s.driver.OpenFresh(p.Token))
	case "dispose_fresh":
		return object{}, s.driver.DisposeFresh(p.Token)
	case "open_misconfigured":
		return s.adopt(s.driver.OpenMisconfigured())
	case "plant":
		return object{}, s.driver.Plant(p.key(), p.Data, int64(p.Version))
	case "stored_expiry":
		return expiry(s.driver.StoredExpiry(p.key()))
	}
	handle, open := s.handles.Load(p.Handle)
	if !open {
		return nil, errors.New("the handle is closed")
	}
	return operate(handle.(Handle), method, p)
}

func operate(handle Handle, method string, p params) (any, error) {
	switch method {
	case "get":
		return handle.Get(p.key())
	case "create":
		return version(handle.Create(p.Record.record))
	case "put":
		return version(handle.Put(p.Record.record))
	case "put_if_version":
		return version(handle.PutIfVersion(p.Record.record, int64(p.ExpectedVersion)))
	case "delete":
		deleted, err := handle.Delete(p.key())
		return object{"deleted": deleted}, err
	case "list_by_owner":
		found, err := handle.ListByOwner(p.OwnerID, int(min(p.Limit, math.MaxInt32)), p.After)
		return object{"records": append([]Versioned{}, found...)}, err
	case "cleanup_expired":
		removed, err := handle.CleanupExpired()
		return object{"removed": Decimal(removed)}, err
	}
	return nil, fmt.Errorf("this driver has no method %s", method)
}

func (d Driver) description() object {
	description := object{
		"protocol":   1,
		"name":       d.Name,
		"methods":    []string{"put"},
		"back_doors": d.backDoors(),
	}
	if d.Facts != nil {
		description["facts"] = d.Facts
	}
	return description
}

func (d Driver) backDoors() []string {
	doors := []string{}
	add := func(name string, offered bool) {
		if offered {
			doors = append(doors, name)
		}
	}
	add("open_fresh", d.OpenFresh != nil)
	add("open_misconfigured", d.OpenMisconfigured != nil)
	add("plant", d.Plant != nil)
	add("stored_expiry", d.StoredExpiry != nil)
	return doors
}

func (s *server) adopt(handle Handle, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("h%d", s.opened.Add(1))
	s.handles.Store(name, handle)
	return object{"handle": name}, nil
}

func (s *server) close(name string) error {
	handle, open := s.handles.LoadAndDelete(name)
	if !open {
		return nil
	}
	return handle.(Handle).Close()
}

func version(written int64, err error) (any, error) {
	return object{"version": Decimal(written)}, err
}

func expiry(at *time.Time, err error) (any, error) {
	if err != nil || at == nil {
		return object{"expires_at": nil}, err
	}
	return object{"expires_at": float64(at.UnixMicro()) / 1e6}, nil
}
