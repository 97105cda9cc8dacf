import LabCore
import LabHTTPClient
import Logging
import Testing

@testable import Provisioner
@testable import ProvisionerTests

/// What every runtime promises, on apps that really run.
@Suite("Every runtime keeps its promises")
struct RuntimeConformanceTests {
    /// Those whose apps a test can start by itself. Apps in containers have tests of their own, on a real engine.
    private static let names: [RuntimeName] = [.native]

    @Test(
        "an app that answers runs, whether or not it was made to run before", arguments: RuntimeConformanceTests.names)
    func running(_ name: RuntimeName) async throws {
        try await withRuntime(name) { runtime in
            #expect(runtime.name == name)
            let upstream = try await TestUpstream.start()
            let app = try Self.app(upstream.url)
            for _ in 1...2 { try await runtime.apply(app) }
            let seen = try await runtime.observe(app)
            #expect(seen.isRunning)
            #expect(!seen.reason.isEmpty && seen.message.contains(upstream.url))
            try await upstream.stop()
        }
    }

    @Test(
        "an app that is away is an answer that says so, and is seen again when it is back",
        arguments: RuntimeConformanceTests.names)
    func away(_ name: RuntimeName) async throws {
        try await withRuntime(name) { runtime in
            let upstream = try await TestUpstream.start()
            let app = try Self.app(upstream.url)
            try await runtime.apply(app)
            try await upstream.stop()
            let gone = try await runtime.observe(app)
            #expect(!gone.isRunning)
            #expect(gone.message.contains(upstream.url))
            let back = try await TestUpstream.start(port: upstream.port)
            #expect(try await runtime.observe(app).isRunning)
            try await back.stop()
        }
    }

    @Test(
        "an app that accepts and never answers does not run, and is known so within the time-out",
        arguments: RuntimeConformanceTests.names)
    func silent(_ name: RuntimeName) async throws {
        try await withRuntime(name, timeout: .seconds(1)) { runtime in
            let upstream = try await TestUpstream.start(.staysSilent)
            let app = try Self.app(upstream.url)
            let start = ContinuousClock.now
            #expect(try await !runtime.observe(app).isRunning)
            // The time-out and what a busy machine adds to it, which is far from a hang.
            #expect(start.duration(to: .now) < .seconds(15))
            try await upstream.stop()
        }
    }

    @Test("a look that is cancelled ends long before its time-out", arguments: RuntimeConformanceTests.names)
    func cancellation(_ name: RuntimeName) async throws {
        try await withRuntime(name, timeout: .seconds(120)) { runtime in
            let upstream = try await TestUpstream.start(.staysSilent)
            let app = try Self.app(upstream.url)
            let start = ContinuousClock.now
            let look = Task { try await runtime.observe(app) }
            try await Task.sleep(for: .milliseconds(200))
            look.cancel()
            let outcome = await look.result
            #expect(start.duration(to: .now) < .seconds(30))
            #expect((try? outcome.get())?.isRunning != true)
            try await upstream.stop()
        }
    }

    @Test(
        "restart does it, or is no capability and is refused with what to do instead",
        arguments: RuntimeConformanceTests.names)
    func restart(_ name: RuntimeName) async throws {
        try await withRuntime(name) { runtime in
            let upstream = try await TestUpstream.start()
            let app = try Self.app(upstream.url)
            try await runtime.apply(app)
            if runtime.capabilities.contains(.restart) {
                try await runtime.restart(app)
            } else {
                let problem = await #expect(throws: Problem.self) { try await runtime.restart(app) }
                #expect(problem?.title == "UnsupportedByDriver")
                #expect(problem?.remedy?.isEmpty == false)
            }
            #expect(try await runtime.observe(app).isRunning)
            try await upstream.stop()
        }
    }

    @Test(
        "removing twice is as removing once, and what the runtime did not start goes on",
        arguments: RuntimeConformanceTests.names)
    func remove(_ name: RuntimeName) async throws {
        try await withRuntime(name) { runtime in
            let upstream = try await TestUpstream.start()
            let app = try Self.app(upstream.url)
            try await runtime.apply(app)
            for _ in 1...2 { try await runtime.remove(app, withData: false) }
            #expect(try await runtime.observe(app).isRunning == !runtime.capabilities.contains(.lifecycle))
            try await upstream.stop()
        }
    }

    private static func app(_ url: String) throws -> RunnableApp {
        RunnableApp(name: try AppName("notes"), workload: .upstream(try UpstreamURL(url)))
    }

    private func withRuntime(
        _ name: RuntimeName, timeout: Duration = .seconds(10), _ body: (any Runtime) async throws -> Void
    ) async throws {
        let http = HTTPClient(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await body(NativeRuntime(http: http, timeout: timeout))
        } catch {
            await http.shutdown()
            throw error
        }
        await http.shutdown()
    }
}
