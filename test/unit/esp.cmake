foreach(name vectors window engines)
  tunike_unit_test(esp_${name} tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_${name}.c)
endforeach()
foreach(name path policy life wire batch)
  tunike_unit_test(esp_${name} tunike_esp ${CMAKE_SOURCE_DIR}/test/unit/test_esp_${name}.c
    ${CMAKE_SOURCE_DIR}/test/unit/esp_pair.c)
endforeach()
