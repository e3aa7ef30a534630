tunike_fuzz_target(icmp tunike_tun)
