import Foundation
import LabKit

/// A stream that a person or a program reads: colour and live lines only on a terminal.
struct Terminal: Sendable {
    static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
    static let standardError = Terminal(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    let isInteractive: Bool
    private let hasColour: Bool

    private init(descriptor: Int32) {
        self.descriptor = descriptor
        let environment = ProcessInfo.processInfo.environment
        isInteractive = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
        // https://no-color.org
        hasColour = isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
    }

    enum Style: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    func line(_ text: String = "") {
        write(text + "\n")
    }

    /// Writes all of the text; a reader that went away is no fault.
    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    func fault(_ message: String, remedy: String?) {
        line(styled("error: ", .red) + message)
        if let remedy { line("  " + remedy) }
    }

    func fault(_ problem: Problem) {
        fault(problem.fields.isEmpty ? problem.detail : problem.title, remedy: problem.remedy)
        for field in problem.fields {
            line("  \(styled(field.pointer, .bold)): \(field.detail). \(field.remedy)")
        }
    }
}

enum StandardOutput {
    /// A pipe whose reader ends early (`lab status | head`) must not kill the program with a signal.
    static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}

/// Characters for the state of a condition.
extension Condition.Status {
    func mark(on terminal: Terminal) -> String {
        switch self {
        case .true: terminal.styled("✓", .green)
        case .false: terminal.styled("✗", .red)
        case .unknown: terminal.styled("…", .yellow)
        }
    }
}
