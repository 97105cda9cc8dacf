import Hummingbird
import LabKit
import Logging
import NIOCore

/// The HTTP framework with one route and nothing else: how fast any server on it could be here.
enum BareServer {
    /// Runs it for the length of `body`.
    static func with<Result: Sendable>(
        _ body: @escaping @Sendable (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let ready = AsyncStream.makeStream(of: Int.self)
        let router = Router()
        router.get("/") { _, _ in "ok\n" }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                ready.continuation.yield(channel.localAddress?.port ?? 0)
                ready.continuation.finish()
            }, logger: .silent)
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await application.run()
                return nil
            }
            group.addTask {
                for await port in ready.stream { return try await body(port) }
                return nil
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome { return outcome }
            }
            throw BenchmarkFailure("the bare server ended")
        }
    }
}
