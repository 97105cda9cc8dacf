/// A person's Markdown as a section of a page: it keeps its form, and cannot break the page around it.
///
/// - No HTML: each `<` is shown as itself, except in fenced code, where it already is.
/// - Its headings come below the section's, and no line of it makes the line before a heading.
/// - A fence that it opens ends with it.
/// - No link runs a script.
///
/// Fenced code is left as it is only while every fence begins in the first column, which all renderers read alike.
/// Anything less clear is shown without fences.
///
/// It works on bytes, as renderers do on code points: to `Character`, a `<` with a combining mark is no `<`.
enum Notes {
    static func section(_ text: String) -> String {
        let lines = lines(of: text)
        let safe = fenced(lines) ?? lines.map { plain($0, keepingFences: false) }
        return safe.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }

    /// The lines without control characters; CR, LF and CRLF end a line (CommonMark 0.31 §2.1).
    private static func lines(of text: String) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        var isAfterReturn = false
        for byte in text.utf8 {
            switch byte {
            case 0x0A where isAfterReturn: break
            case 0x0A, 0x0D: lines.append([])
            case 0x00..<0x09, 0x0B, 0x0C, 0x0E..<0x20, 0x7F: break
            default: lines[lines.count - 1].append(byte)
            }
            isAfterReturn = byte == 0x0D
        }
        return lines
    }

    /// The lines with their fenced code kept; nil when a line's fence could be read in two ways.
    private static func fenced(_ lines: [[UInt8]]) -> [[UInt8]]? {
        var result: [[UInt8]] = []
        var open: Fence?
        for line in lines {
            if let fence = open {
                if fence.isClosed(by: line) { open = nil }
                result.append(line)
            } else if let fence = Fence(opening: line) {
                open = fence
                result.append(line)
            } else if line.contains(run: "`") || line.contains(run: "~") {
                return nil
            } else {
                result.append(plain(line, keepingFences: true))
            }
        }
        if let open { result.append(open.text) }
        return result
    }

    private static func plain(_ line: [UInt8], keepingFences: Bool) -> [UInt8] {
        var text: [UInt8] = []
        for byte in withoutScripts(below(line)) {
            switch byte {
            case UInt8(ascii: "&"): text += Array("&amp;".utf8)
            case UInt8(ascii: "<"): text += Array("&lt;".utf8)
            case UInt8(ascii: "`") where !keepingFences && line.contains(run: "`"): text += Array("&#96;".utf8)
            case UInt8(ascii: "~") where !keepingFences && line.contains(run: "~"): text += Array("&#126;".utf8)
            default: text.append(byte)
            }
        }
        return text
    }

    /// A heading two levels lower; a line that would underline a heading as a break or as text.
    private static func below(_ line: [UInt8]) -> [UInt8] {
        let bare = line.drop(while: isBlank)
        if bare.consists(of: "=") { return Array("\\".utf8) + bare }
        if bare.consists(of: "-") {
            let isBreak = bare.count { $0 == UInt8(ascii: "-") } >= 3
            return isBreak ? Array("***".utf8) : Array("\\".utf8) + bare
        }
        let level = bare.prefix { $0 == UInt8(ascii: "#") }.count
        let rest = bare.dropFirst(level)
        guard (1...6).contains(level), rest.first.map(isBlank) ?? true else { return line }
        return Array(repeating: UInt8(ascii: "#"), count: min(level + 2, 6)) + rest
    }

    /// The schemes that run something, broken where a link could begin with them.
    private static func withoutScripts(_ line: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < line.count {
            if index == 0 || !isAlphanumeric(line[index - 1]), let end = schemeEnd(line[index...]) {
                // Without the backslash that may stand before the colon.
                result += line[index..<end.name] + Array("%3A".utf8)
                index = end.colon + 1
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    /// Where such a scheme's name and its colon end; nil when the text begins with none.
    private static func schemeEnd(_ text: ArraySlice<UInt8>) -> (name: Int, colon: Int)? {
        for scheme in ["javascript", "vbscript", "data"] {
            let name = text.prefix(scheme.utf8.count)
            guard name.elementsEqual(scheme.utf8, by: { $0 | 0x20 == $1 }) else { continue }
            let colon = name.endIndex + (text[name.endIndex...].first == UInt8(ascii: "\\") ? 1 : 0)
            let rest = text[min(colon, text.endIndex)...]
            guard rest.first == UInt8(ascii: ":"), let next = rest.dropFirst().first, !isBlank(next) else { continue }
            return (name.endIndex, colon)
        }
        return nil
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
    }
}

/// A fence of fenced code that begins in the first column (CommonMark 0.31 §4.5).
private struct Fence {
    private let mark: UInt8
    private let length: Int

    init?(opening line: [UInt8]) {
        guard let mark = line.first, mark == UInt8(ascii: "`") || mark == UInt8(ascii: "~") else { return nil }
        let length = line.prefix { $0 == mark }.count
        guard length >= 3, !line.dropFirst(length).contains(UInt8(ascii: "`")) else { return nil }
        self.mark = mark
        self.length = length
    }

    var text: [UInt8] { Array(repeating: mark, count: length) }

    /// At most three spaces, the same mark at least as often, nothing behind it.
    func isClosed(by line: [UInt8]) -> Bool {
        let indentation = line.prefix { $0 == UInt8(ascii: " ") }.count
        let bare = line.dropFirst(indentation)
        let marks = bare.prefix { $0 == mark }.count
        return indentation <= 3 && marks >= length && bare.dropFirst(marks).allSatisfy(isBlank)
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

extension Collection<UInt8> {
    /// Whether three of a mark stand in a row.
    fileprivate func contains(run mark: Unicode.Scalar) -> Bool {
        var length = 0
        for byte in self {
            length = byte == UInt8(ascii: mark) ? length + 1 : 0
            if length == 3 { return true }
        }
        return false
    }

    /// Whether there is nothing but a mark and blanks.
    fileprivate func consists(of mark: Unicode.Scalar) -> Bool {
        !isEmpty && allSatisfy { $0 == UInt8(ascii: mark) || isBlank($0) }
    }
}
