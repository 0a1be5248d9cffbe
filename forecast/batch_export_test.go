package forecast

// ScanValue steps over one JSON value, and says whether it is one.
func ScanValue(data []byte) error {
	s := jsonScanner{data: data}
	if _, err := s.value(); err != nil {
		return err
	}
	return s.end()
}

// ScanValues reads the values of a question.
func ScanValues(data []byte) ([]float64, error) {
	var q batchQuestion
	s := jsonScanner{data: data}
	if err := q.readValues(&s); err != nil {
		return nil, err
	}
	return q.values, s.end()
}
