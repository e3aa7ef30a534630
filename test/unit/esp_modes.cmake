tunike_unit_test(esp_header tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_header.c)
