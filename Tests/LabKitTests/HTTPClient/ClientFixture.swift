import Logging

@testable import LabHTTPClient

/// Runs `body` with a client, and shuts it down after it.
func withClient<Value>(
    _ configure: (inout HTTPClientConfiguration) -> Void = { _ in },
    _ body: (HTTPClient) async throws -> Value
) async throws -> Value {
    var configuration = HTTPClientConfiguration()
    configure(&configuration)
    let client = HTTPClient(configuration: configuration, logger: Logger(label: "test"))
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

/// What kind of ``HTTPClientError`` a request ends with; nil where it does not fail.
func failure(of request: HTTPRequest, from client: HTTPClient) async throws -> HTTPClientError.Kind? {
    do {
        _ = try await client.execute(request)
        return nil
    } catch let error as HTTPClientError {
        return error.kind
    }
}

extension HTTPRequest {
    /// The same request, sent once.
    var once: HTTPRequest {
        var request = self
        request.retries = .never
        return request
    }
}
