import LabKit

/// Tells how a long piece of work goes: a line for each step with how long it took.
struct Steps: Sendable {
    private let terminal: Terminal
    private let isQuiet: Bool

    /// - Parameter isQuiet: tells nothing, for output that a program reads.
    init(terminal: Terminal = .standardError, isQuiet: Bool) {
        self.terminal = terminal
        self.isQuiet = isQuiet
    }

    /// Runs a step and tells its end.
    func step<Result>(_ title: String, _ body: () async throws -> Result) async throws -> Result {
        guard !isQuiet else { return try await body() }
        let start = ContinuousClock.now
        if terminal.isInteractive { terminal.write("  \(terminal.styled("…", .yellow)) \(title)") }
        let lineStart = terminal.isInteractive ? "\r\u{1B}[K" : ""
        do {
            let result = try await body()
            terminal.line(
                "\(lineStart)  \(terminal.styled("✓", .green)) \(title) \(terminal.styled(Self.text(start), .dim))")
            return result
        } catch {
            terminal.line(
                "\(lineStart)  \(terminal.styled("✗", .red)) \(title) \(terminal.styled(Self.text(start), .dim))")
            throw error
        }
    }

    /// Tells a step that has ended.
    func tell(_ title: String, since start: ContinuousClock.Instant) {
        guard !isQuiet else { return }
        terminal.line("  \(terminal.styled("✓", .green)) \(title) \(terminal.styled(Self.text(start), .dim))")
    }

    private static func text(_ start: ContinuousClock.Instant) -> String {
        (ContinuousClock.now - start).shortText
    }
}

extension Duration {
    /// As people read it: `85 ms`, `1.2 s`, `2 min 5 s`.
    var shortText: String {
        let milliseconds = milliseconds
        if milliseconds < 1000 { return "\(Int(milliseconds.rounded())) ms" }
        if milliseconds < 60_000 { return "\((milliseconds / 100).rounded() / 10) s" }
        let seconds = Int(milliseconds / 1000)
        return "\(seconds / 60) min \(seconds % 60) s"
    }
}
