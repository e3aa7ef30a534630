tunike_unit_test(config tunike_config
  ${CMAKE_CURRENT_LIST_DIR}/test_config.c
  ${CMAKE_CURRENT_LIST_DIR}/test_config_errors.c
  ${CMAKE_CURRENT_LIST_DIR}/test_config_files.c
  ${CMAKE_CURRENT_LIST_DIR}/test_config_help.c)
