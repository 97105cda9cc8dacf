import Foundation
import Testing

/// The real `openssl` program, as a second opinion.
///
/// Its output goes to a file: a pipe would be inherited by programs that other tests start, and never end.
enum OpenSSLTool {
    struct Outcome: Sendable {
        let status: Int32
        /// What it wrote to standard output and standard error.
        let output: String
    }

    /// Runs it with nothing on standard input and waits for its end.
    static func run(_ arguments: String...) async throws -> Outcome {
        try await run(arguments)
    }

    static func run(_ arguments: [String]) async throws -> Outcome {
        try await withTemporaryFolder { folder in
            let status = try await withCheckedThrowingContinuation { continuation in
                do {
                    _ = try start(arguments, output: "\(folder)/output") { continuation.resume(returning: $0) }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
            return Outcome(
                status: status, output: try String(contentsOfFile: "\(folder)/output", encoding: .utf8))
        }
    }

    /// Runs `body` with the port of a TLS server on loopback, which is ended afterwards.
    static func withServer(chain: String, key: String, _ body: (Int) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let output = "\(folder)/output"
            let server = try start(
                ["s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-cert_chain", chain, "-key", key, "-www"],
                output: output)
            defer { server.terminate() }
            var port: Int?
            for _ in 0..<600 where port == nil {
                let text = try String(contentsOfFile: output, encoding: .utf8)
                port = text.firstMatch(of: /ACCEPT .*:(\d+)\n/).flatMap { Int($0.1) }
                if port == nil { try await Task.sleep(for: .milliseconds(50)) }
            }
            try await body(try #require(port, "the server says where it listens"))
        }
    }

    private static func start(
        _ arguments: [String], output: String, onExit: (@Sendable (Int32) -> Void)? = nil
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        try Data().write(to: URL(filePath: output))
        let file = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardOutput = file
        process.standardError = file
        process.standardInput = FileHandle.nullDevice
        if let onExit { process.terminationHandler = { onExit($0.terminationStatus) } }
        try process.run()
        return process
    }
}
