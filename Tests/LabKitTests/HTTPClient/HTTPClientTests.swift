import Testing

/// All suites of the HTTP client, one test after the other: several of them measure memory or the time until a
/// connection is closed.
@Suite(.serialized)
enum HTTPClientTests {}
