"""The console: a page and an HTTP API for people and programs that do not speak MQTT."""
