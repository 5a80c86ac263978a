module pmcp-broken-drivers

go 1.24

require pmcp-drivers v0.0.0

replace pmcp-drivers => ../../../examples/drivers/go
