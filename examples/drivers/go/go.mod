module pmcp-drivers

go 1.24
