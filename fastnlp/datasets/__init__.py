"""Published data sets and an offline default corpus."""
