import ArgumentParser
import FoundationEssentials
import Glibc
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

    func styled(_ piece: Piece) -> String {
        piece.style.map { styled(piece.text, $0) } ?? piece.text
    }

    /// The columns of the window; nil where lines can have any length.
    var width: Int? {
        guard isInteractive else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// A piece of a line, in one style.
    struct Piece {
        let text: String
        let style: Style?

        init(_ text: String, _ style: Style? = nil) {
            self.text = text
            self.style = style
        }
    }

    /// Writes a line of pieces, cut to the window's width: a line that wraps would break what stands in columns.
    func row(_ pieces: [Piece]) {
        var room = width ?? .max
        let isTooLong = pieces.reduce(0) { $0 + $1.text.count } > room
        var line = ""
        for piece in pieces where room > 0 {
            var text = piece.text
            if isTooLong, text.count >= room {
                text = text.prefix(room - 1) + "…"
            }
            room -= text.count
            line += styled(Piece(text, piece.style))
        }
        self.line(line)
    }

    /// Writes a text that may take several lines: they break between words, and all but the first are indented.
    ///
    /// - Parameters:
    ///   - head: what stands before the text in the first line.
    ///   - indent: how far in the further lines begin, in characters; as far as the text itself when not given.
    func paragraph(_ head: [Piece], _ text: String, indent: Int? = nil) {
        let headWidth = head.reduce(0) { $0 + $1.text.count }
        let indent = indent ?? headWidth
        let room = width ?? .max
        let lines = text.wrapped(first: room - headWidth, width: room - indent)
        let margin = "\n" + String(repeating: " ", count: indent)
        line(head.map { styled($0) }.joined() + lines.joined(separator: margin))
    }

    func line(_ text: String = "") {
        write(text + "\n")
    }

    /// Writes all of the text; a reader that went away is no fault.
    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    func fault(_ message: String, remedy: String?) {
        paragraph([Piece("error: ", .red)], message, indent: 2)
        if let remedy { paragraph([Piece("  ")], remedy) }
    }

    func fault(_ problem: Problem) {
        fault(problem.fields.isEmpty ? problem.detail : problem.title, remedy: problem.remedy)
        for field in problem.fields {
            paragraph(
                [Piece("  "), Piece(field.pointer, .bold), Piece(": ")], "\(field.detail). \(field.remedy)", indent: 4)
        }
    }
}

enum StandardInput {
    /// All that comes, until its end.
    static func read() throws -> Data {
        var data = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandFault("the standard input cannot be read: \(String(cString: strerror(errno)))")
            }
            guard count > 0 else { return data }
            data.append(contentsOf: buffer[..<count])
        }
    }

    /// A value that is not to be seen: asked for without an echo, or what a pipe or a file gives, without its line end.
    ///
    /// - Throws: ``CommandFault`` when it is empty or no text.
    static func secret(prompt: String) throws -> Secret<String> {
        var former = termios()
        let isTerminal = tcgetattr(STDIN_FILENO, &former) == 0
        if isTerminal {
            var quiet = former
            // An interruption is read, so that the echo is on again afterwards.
            quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet)
            Terminal.standardError.write(prompt)
        }
        defer {
            if isTerminal {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &former)
                Terminal.standardError.line()
            }
        }
        let data = isTerminal ? Data((readLine() ?? "").utf8) : try read()
        guard var text = String(validating: data, as: UTF8.self) else {
            throw CommandFault("the value is not text in UTF-8", status: CommandFault.misuse)
        }
        guard !text.contains("\u{3}") else { throw ExitCode(128 + SIGINT) }
        while text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty else {
            throw CommandFault(
                "no value was given", remedy: "Type it, or give it by a pipe", status: CommandFault.misuse)
        }
        return Secret(text)
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
    var mark: Terminal.Piece {
        switch self {
        case .true: Terminal.Piece("✓", .green)
        case .false: Terminal.Piece("✗", .red)
        case .unknown: Terminal.Piece("…", .yellow)
        }
    }
}
