# The configuration engine alone as a command: starts in milliseconds, never loads libtorch.
chitu_executable(chitu_config_cli
  SOURCES chitu/config_cli.cpp chitu/config_command.cpp chitu/config_options.cpp
  LIBRARIES chitu::config)
