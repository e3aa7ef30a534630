foreach(name worker worker_churn)
  tunike_unit_test(${name} tunike_daemon ${CMAKE_SOURCE_DIR}/test/unit/test_${name}.c
    ${CMAKE_SOURCE_DIR}/test/unit/worker_sides.c ${CMAKE_SOURCE_DIR}/test/unit/offload_pkt.c
    ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endforeach()
