import Glibc
import Subprocess
import SystemPackage

extension PlatformOptions {
    /// A process group of its own, so that whatever the program starts can be ended with it.
    static var ownGroup: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(500))
        ]
        return options
    }
}

/// A program with its arguments as they are started.
struct StartedProgram {
    let executable: Executable
    let arguments: Arguments

    /// As another user, the program is started through setpriv(1), which becomes it. The process library can change
    /// the user itself, but does so in the child before it is a program of its own, with calls of the C library that
    /// wait for a lock which another thread of this process may have held at that moment: the child then hangs.
    init(_ path: String, _ words: [String], as account: ServiceAccount?) {
        guard let account else {
            executable = .path(FilePath(path))
            arguments = Arguments(words)
            return
        }
        executable = .path("/usr/bin/setpriv")
        arguments = Arguments(
            [
                "--reuid", String(account.userID), "--regid", String(account.groupID), "--groups",
                account.groups.map { String($0) }.joined(separator: ","), "--", path,
            ] + words)
    }
}

extension Environment {
    static func updates(_ variables: [String: String]) -> [Key: String?] {
        var updates: [Key: String?] = [:]
        for (name, value) in variables { updates[Key(stringLiteral: name)] = .some(value) }
        return updates
    }

    static func fixed(_ variables: [String: String]) -> Environment {
        var values: [Key: String] = [:]
        for (name, value) in variables { values[Key(stringLiteral: name)] = value }
        return .custom(values)
    }

    static func currentValue(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
