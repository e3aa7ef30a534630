foreach(module ike_crypto_kex ike_crypto_prf ike_crypto_sk ike_wire_msg ike_wire_rules ike_wire_pld ike_wire_cp ike_wire_build)
  tunike_unit_test(${module} tunike_ike ${CMAKE_CURRENT_LIST_DIR}/test_${module}.c)
endforeach()
# The suites of the cryptography need OpenSSL beside the library.
foreach(module ike_crypto_kex ike_crypto_prf ike_crypto_sk)
  target_link_libraries(test_${module} PRIVATE PkgConfig::OPENSSL)
endforeach()
