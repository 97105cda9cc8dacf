import ArgumentParser
import LabKit

/// `lab health`: the health check of a container that has no other program to ask with.
struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask a service of this machine whether it can do its work.",
        discussion: "Ends with 0 when the answer is 200 within two seconds, and with 1 otherwise.")

    @Argument(help: "What is asked.")
    var url = "http://127.0.0.1:8700/readyz"

    @Option(help: ArgumentHelp("A socket to ask at, in place of the URL's host.", valueName: "path"))
    var socket: String?

    func run() async throws {
        var configuration = HTTPClientConfiguration()
        configuration.unixSocketPath = socket
        let client = HTTPClient(configuration: configuration, logger: .quiet)
        var request = HTTPRequest(url: url)
        request.timeouts = HTTPTimeouts(connect: .seconds(1), total: .seconds(2))
        request.retries = .never
        let response: HTTPResponse
        do {
            response = try await client.execute(request)
        } catch let error as HTTPClientError {
            await client.shutdown()
            throw CommandFault("\(url) does not answer: \(error.cause)")
        }
        await client.shutdown()
        let text = String(decoding: response.body.prefix(500), as: UTF8.self).trimmed
        guard response.status == 200 else { throw CommandFault("\(url) answered \(response.status): \(text)") }
        Terminal.standardOutput.line(text)
    }
}
