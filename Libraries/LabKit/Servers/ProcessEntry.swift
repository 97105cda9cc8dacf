import Glibc

/// One process as /proc/<pid>/stat tells it (proc(5)); the start time tells a process from a later one with its number.
struct ProcessEntry: Sendable, Equatable {
    let pid: pid_t
    /// The first 15 bytes of the program's name.
    let command: String
    let state: Character
    let group: pid_t
    /// Field 22: clock ticks between the machine's start and the process's.
    let startTime: UInt64

    var isZombie: Bool { state == "Z" || state == "X" }

    /// The process with this number; nil when there is none.
    init?(pid: pid_t) {
        guard pid > 0, let line = Files.read("/proc/\(pid)/stat") else { return nil }
        self.init(statLine: line)
    }

    /// The name stands in parentheses and may hold spaces and parentheses itself: fields count from the last one.
    init?(statLine line: String) {
        guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")"), open < close,
            let pid = pid_t(line[..<open].trimmingSpaces)
        else { return nil }
        let fields = line[line.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let group = pid_t(fields[2]),
            let startTime = UInt64(fields[19])
        else { return nil }
        self.pid = pid
        command = String(line[line.index(after: open)..<close])
        self.state = state
        self.group = group
        self.startTime = startTime
    }

    var workingDirectory: String? { Files.linkTarget("/proc/\(pid)/cwd") }

    /// Every process of the machine that this one may see.
    static func all() -> [ProcessEntry] {
        Files.names(in: "/proc").compactMap { pid_t($0).flatMap { ProcessEntry(pid: $0) } }
    }

    /// Whether the very same process is still there and has not ended.
    var isAlive: Bool {
        guard let now = ProcessEntry(pid: pid) else { return false }
        return now.startTime == startTime && !now.isZombie
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        drop { $0 == " " }.prefix { $0 != " " }
    }
}
