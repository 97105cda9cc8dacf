import Glibc

/// Names the process of a server across a death of its supervisor: `<pid> <start time> <program's name>`.
struct PIDFile: Sendable {
    let path: String

    /// - Parameter command: the program's name. The process may not have become it yet.
    func write(_ entry: ProcessEntry, command: String) throws(ServerError) {
        try Files.write("\(entry.pid) \(entry.startTime) \(command)\n", to: path)
    }

    func remove() {
        Files.remove(path)
    }

    struct Record: Sendable, Equatable {
        let pid: pid_t
        let startTime: UInt64
        let command: String
    }

    /// What the file says; nil when it is missing or was not written by ``write(_:)``.
    var record: Record? {
        let fields = Files.read(path)?.trimmedOfNewlines.split(separator: " ") ?? []
        guard fields.count == 3, let pid = pid_t(fields[0]), let startTime = UInt64(fields[1]) else { return nil }
        return Record(pid: pid, startTime: startTime, command: String(fields[2]))
    }
}

/// What a supervisor that was killed has left running.
struct Leftovers: Sendable {
    let command: String
    let directory: String
    let pidFile: PIDFile

    /// What a supervisor starts. A process of these that works inside the directory is its child, also when it was
    /// killed before it had recorded that, or while it made a cluster or passwords. A person's shell there is not.
    private static let programs: Set = ["postgres", "initdb", "mosquitto", "mosquitto_passwd", "unbound", "nginx"]

    /// The processes of an earlier run: the recorded one, and those of the same program which are in its process
    /// group (nginx's workers), and what works inside the server's directory (PostgreSQL's backends have sessions of
    /// their own). A process that merely got the recorded number since has another start time, and is none of ours.
    func find() -> [ProcessEntry] {
        let record = pidFile.record
        let inside = Files.resolved(directory)
        return ProcessEntry.all().filter { entry in
            let isSame = entry.command == command.prefix(15)
            guard !entry.isZombie, entry.pid != getpid(), isSame || Self.isOurs(entry) else { return false }
            if isSame, let record {
                if entry.pid == record.pid { return entry.startTime == record.startTime }
                if entry.group == record.pid, entry.startTime >= record.startTime, !isReused(record) { return true }
            }
            guard let working = entry.workingDirectory else { return false }
            return working == inside || working.hasPrefix(inside + "/")
        }
    }

    /// The kernel keeps the first 15 bytes of a name.
    private static func isOurs(_ entry: ProcessEntry) -> Bool {
        programs.contains { entry.command == $0.prefix(15) }
    }

    /// The number belongs to another process now, so a process group of that number is not ours either.
    private func isReused(_ record: PIDFile.Record) -> Bool {
        ProcessEntry(pid: record.pid).map { $0.startTime != record.startTime } ?? false
    }

    /// Ends what was left: the server's own signal first, SIGKILL for those that are still there after `patience`.
    ///
    /// - Returns: the processes that were ended.
    func end(signal: Int32, patience: Duration = .seconds(3)) async -> [ProcessEntry] {
        let found = find()
        guard !found.isEmpty else {
            pidFile.remove()
            return []
        }
        for entry in found where entry.isAlive { kill(entry.pid, signal) }
        if await !Self.wait(patience, until: { !found.contains(where: \.isAlive) }) {
            for entry in find() { kill(entry.pid, SIGKILL) }
            _ = await Self.wait(patience) { find().isEmpty }
        }
        pidFile.remove()
        return found
    }

    /// Looks every 10 ms; short enough not to be felt, and no signal tells of the end of a process that is no child.
    private static func wait(_ time: Duration, until condition: () -> Bool) async -> Bool {
        let deadline = ContinuousClock.now + time
        while !condition() {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(10))
            if Task.isCancelled { return condition() }
        }
        return true
    }
}
