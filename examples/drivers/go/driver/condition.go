package driver

// Condition refuses a write by the version that is stored; 0 means that there is no record.
type Condition func(stored int64) error

// Always lets a write create or overwrite.
func Always(int64) error { return nil }

// IfAbsent lets a write only create.
func IfAbsent(key Key) Condition {
	return func(stored int64) error {
		if stored != 0 {
			return AlreadyExists(key)
		}
		return nil
	}
}

// IfVersion lets a write only replace this version.
func IfVersion(key Key, expected int64) Condition {
	return func(stored int64) error {
		switch stored {
		case 0:
			return NotFound(key)
		case expected:
			return nil
		}
		return Conflict(expected, stored)
	}
}
