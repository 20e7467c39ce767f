module filch/benches/peers/go

go 1.22
