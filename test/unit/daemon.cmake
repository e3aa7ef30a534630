foreach(name ring backoff log policy mtu nets keylog cli conns)
  tunike_unit_test(daemon_${name} tunike_daemon ${CMAKE_SOURCE_DIR}/test/unit/test_daemon_${name}.c)
endforeach()
