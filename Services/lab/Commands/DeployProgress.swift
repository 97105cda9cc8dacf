import FoundationEssentials
import Glibc
import LabKit
import Synchronization

/// Follows an app until everything that was wanted is true, and tells each condition as it comes true.
final class DeployProgress: Sendable {
    private struct State {
        var reached: [(type: String, milliseconds: Double)] = []
        var last: AppView?
        /// The phases of the runtime that were told.
        var phases: Set<String> = []
        /// How often the runtime was seen to fail, between other things.
        var failures = 0
        var isFailing = false
    }

    /// Reasons of the condition Running after which no waiting helps, and after which a second attempt may.
    private static let endings: Set = ["RolledBack", "ReleaseFailed", "LeftStanding"]
    private static let failures: Set = ["RuntimeFailed", "ImageNotPulled", "ReleaseGone"]

    private let wanted: [String]
    private let generation: Int64
    private let start: ContinuousClock.Instant
    private let state = Mutex(State())

    init(wanted: [String], generation: Int64, start: ContinuousClock.Instant) {
        self.wanted = wanted
        self.generation = generation
        self.start = start
    }

    /// Returns when all is true; a stream that ends early is taken up again.
    func follow(_ client: LabClient, app: String, terminal: Terminal?) async throws {
        while !isDone {
            try await client.follow("/v1/watch/apps/\(try PathSegment(app).text)") { event in
                if event.name == "gone" {
                    throw CommandFault("\(app) was removed meanwhile", remedy: "Deploy it again")
                }
                guard event.name == "resource" else { return true }
                self.take(try JSONText(trusted: event.data).decode(AppView.self), terminal)
                return !self.isDone
            }
        }
    }

    private var isDone: Bool {
        state.withLock { state in
            if state.reached.count == wanted.count { return true }
            guard let running = state.last?.condition("Running") else { return false }
            if state.failures >= 2, state.isFailing { return true }
            return running.status == .false && Self.endings.contains(running.reason)
        }
    }

    private func take(_ app: AppView, _ terminal: Terminal?) {
        let elapsed = ContinuousClock.now - start
        guard app.generation >= generation else { return }
        state.withLock { state in
            state.last = app
            let running = app.condition("Running")
            let isFailing = running.map { Self.failures.contains($0.reason) } ?? false
            if isFailing, !state.isFailing { state.failures += 1 }
            state.isFailing = isFailing
            if let terminal, let running, running.status == .unknown, state.phases.insert(running.reason).inserted {
                terminal.row([
                    .init("  "), Condition.Status.unknown.mark, .init(" " + running.reason.padded(to: 12) + " "),
                    .init(elapsed.shortText.padded(to: 9), .dim), .init(running.message, .dim),
                ])
            }
            for type in wanted where !state.reached.contains(where: { $0.type == type }) {
                guard let condition = app.condition(type), condition.status == .true else { continue }
                state.reached.append((type, elapsed.milliseconds))
                guard let terminal else { continue }
                terminal.row([
                    .init("  "), Condition.Status.true.mark,
                    .init(" " + type.padded(to: 12), .bold),
                    .init(elapsed.shortText.padded(to: 9), .dim),
                    .init(condition.message),
                ])
            }
        }
    }

    /// Ends with the URL, or with what is not true, why, and what to do next.
    func finish(_ client: LabClient, app: String, options: LabOptions) async throws {
        let (reached, last) = state.withLock { ($0.reached, $0.last) }
        let missing = wanted.filter { type in !reached.contains { $0.type == type } }
        let url = try await AppAddress.url(of: app, last, client)
        if options.json {
            let conditions = reached.map { reached -> JSONValue in
                ["type": .string(reached.type), "milliseconds": .number((reached.milliseconds * 10).rounded() / 10)]
            }
            let document: JSONValue = [
                "name": .string(app), "url": .string(url), "isOnline": .boolean(missing.isEmpty),
                "conditions": .array(conditions), "missing": .array(missing.map { .string($0) }),
            ]
            Terminal.standardOutput.line(try JSONText(encoding: document).text)
        } else if missing.isEmpty {
            Terminal.standardOutput.line("  \(Terminal.standardOutput.styled(url, .cyan))")
        }
        guard missing.isEmpty else {
            let first = missing.first { last?.condition($0)?.status != .true } ?? missing[0]
            let condition = last?.condition(first)
            let why = condition.map { "\($0.reason): \($0.message)" } ?? "nothing was observed yet"
            throw CommandFault(
                "\(app) is not \(first) — \(why)",
                remedy:
                    "See where it ends with “lab why \(app)”; the lab goes on trying, “lab status” shows how far it is")
        }
    }
}

/// One segment of a URL's path: everything but unreserved characters is percent-encoded (RFC 3986, section 2.3).
struct PathSegment {
    let text: String

    init(_ raw: String) throws {
        guard !raw.isEmpty, raw != ".", raw != ".." else {
            throw CommandFault("“\(raw)” is not a name", remedy: "Give a name such as notes", status: 64)
        }
        text = PercentEncoding.encode(raw)
    }
}

/// Bounds how long something may take.
enum WithTimeout {
    /// Returns when the body ends or the time is over, whichever is first.
    static func run(_ duration: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask { try await Task.sleep(for: duration) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
