import Foundation
import LabCore
import LabServers
import LabState
import LabTesting

/// Package.swift as SwiftPM reads it, as far as the rules need it.
struct PackageManifest {
    struct Target {
        let name: String
        let type: String
        let path: String
        /// Targets of this package and products of others, by their names.
        let dependencies: [String]

        var isService: Bool { type == "regular" && path.hasPrefix("Services/") }
        var isLibrary: Bool { type == "regular" && path.hasPrefix("Libraries/") }
        var isCLibrary: Bool { type == "system" }
    }

    let targets: [Target]

    static func read() async throws -> PackageManifest {
        try await withTemporaryDirectory { scratch in
            // A scratch folder of its own: the usual one is locked while tests run.
            let result = try await Program.run(
                "swift",
                ["package", "--package-path", Repository.root.path, "--scratch-path", scratch, "dump-package"],
                timeout: .seconds(300), outputLimit: 8 << 20)
            try result.orThrow()
            let document = try JSONText(trusted: result.standardOutput).decode(JSONValue.self)
            return PackageManifest(targets: (document["targets"]?.arrayValue ?? []).compactMap(Target.init))
        }
    }
}

extension PackageManifest.Target {
    fileprivate init?(_ document: JSONValue) {
        guard let name = document["name"]?.stringValue, let type = document["type"]?.stringValue,
            let path = document["path"]?.stringValue
        else { return nil }
        self.name = name
        self.type = type
        self.path = path
        // Each is {"byName": [name, …]}, {"target": [name, …]} or {"product": [name, package, …]}.
        dependencies = (document["dependencies"]?.arrayValue ?? []).compactMap { dependency in
            dependency.objectValue?.values.first?.arrayValue?.first?.stringValue
        }
    }
}
