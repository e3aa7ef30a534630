tunike_unit_test(esp_flow tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_flow.c)
