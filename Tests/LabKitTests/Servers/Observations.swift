import FoundationEssentials
import Glibc
import Testing

/// Whether a process with this number exists.
func processExists(_ pid: Int32) -> Bool {
    kill(pid, 0) == 0
}

/// Whether any process of this group runs, zombies left aside: in a container nobody may reap orphans.
func processGroupExists(_ group: Int32) throws -> Bool {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").contains { name in
        guard let pid = Int32(name), let fields = statFields(pid), fields.count > 2 else { return false }
        return fields[2] == "\(group)" && fields[0] != "Z"
    }
}

/// The fields of /proc/<pid>/stat after the name; the first is the state.
func statFields(_ pid: Int32) -> [Substring]? {
    guard let line = try? String(contentsOf: URL(filePath: "/proc/\(pid)/stat"), encoding: .utf8),
        let end = line.lastIndex(of: ")")
    else { return nil }
    return line[line.index(after: end)...].split(separator: " ")
}

func fileExists(_ path: String) -> Bool {
    access(path, F_OK) == 0
}

func replace(_ path: String, with text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    chmod(path, 0o644)
}

/// The number in a file that a script wrote; nil while it is not there.
func recordedPID(_ path: String) throws -> Int32? {
    guard fileExists(path) else { return nil }
    let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).first.flatMap { Int32($0) }
}

/// Whether a process exists and is no zombie.
func isRunning(_ pid: Int32) -> Bool {
    statFields(pid).map { $0.first != "Z" } ?? false
}
