import Glibc
import Subprocess
import SystemPackage

extension PlatformOptions {
    /// A process group of its own, so that whatever the program starts can be ended with it; as root, another user.
    static func ownGroup(as account: ServiceAccount?) -> PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(500))
        ]
        if let account {
            options.userID = account.userID
            options.groupID = account.groupID
            options.supplementaryGroups = account.groups
        }
        return options
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
