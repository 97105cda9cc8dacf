import Foundation
import Testing

@Suite("The rules of the package")
struct PackageRuleTests {
    @Test("no service depends on a service, and LabKit depends on none")
    func services() async throws {
        let targets = try await PackageManifest.read().targets
        let services = Set(targets.filter(\.isService).map(\.name))
        #expect(services.count >= 3)
        for target in targets where target.isService || target.isLibrary {
            let wrong = services.intersection(target.dependencies)
            #expect(wrong.isEmpty, "\(target.name) depends on \(wrong.sorted())")
            for file in try Repository.files(under: [target.path], suffix: ".swift") {
                let imported = try Self.imports(of: file).intersection(services)
                #expect(imported.isEmpty, "\(file) imports \(imported.sorted())")
            }
        }
    }

    @Test("each C library is imported by one module, so that no handle escapes its wrapper")
    func cLibraries() async throws {
        let targets = try await PackageManifest.read().targets
        let libraries = targets.filter(\.isCLibrary).map(\.name)
        #expect(libraries.count >= 4)
        for library in libraries {
            let importers = targets.filter { $0.dependencies.contains(library) }.map(\.name)
            #expect(importers.count == 1, "\(library) is imported by \(importers)")
            let folders = Set(
                try Repository.files(under: ["Libraries", "Services"], suffix: ".swift")
                    .filter { try Self.imports(of: $0).contains(library) }
                    .map { file in targets.first { file.hasPrefix($0.path + "/") }?.name ?? file })
            #expect(folders == Set(importers), "\(library) is imported in \(folders.sorted())")
        }
    }

    @Test("the top of the repository has only the folders that the layout names")
    func folders() throws {
        let allowed: Set = [
            "Services", "Libraries", "Tests", "Benchmarks", "compose", "proxy", "dns", "docs", "infra",
        ]
        let found = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path).filter { name in
            var isFolder: ObjCBool = false
            let path = Repository.root.appending(path: name).path
            return !name.hasPrefix(".") && FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
                && isFolder.boolValue
        }
        #expect(Set(found).isSubset(of: allowed), "\(Set(found).subtracting(allowed).sorted())")
    }

    @Test("what can crash the process or hides a data race is only in the wrappers of C libraries")
    func hazards() async throws {
        let targets = try await PackageManifest.read().targets
        let libraries = Set(targets.filter(\.isCLibrary).map(\.name))
        let wrappers = targets.filter { !libraries.isDisjoint(with: $0.dependencies) }.map { $0.path + "/" }
        let hazards = ["try!", "fatalError(", "@unchecked Sendable", "nonisolated(unsafe)"]
        for file in try Repository.files(under: ["Libraries", "Services"], suffix: ".swift")
        where !wrappers.contains(where: file.hasPrefix) {
            let text = try Repository.text(file)
            for hazard in hazards {
                #expect(!text.contains(hazard), "\(file) has \(hazard)")
            }
        }
    }

    @Test("every setting that code reads is documented")
    func settings() throws {
        let pages =
            ["README.md"] + (try Repository.files(under: ["docs", "Services"], suffix: ".md"))
        let documented = Set(try pages.flatMap { try Self.keys(in: Repository.text($0), /LAB_[A-Z0-9_]*[A-Z0-9]/) })
        let read = Set(
            try Repository.files(under: ["Libraries", "Services"], suffix: ".swift").flatMap {
                try Self.keys(in: Repository.text($0), /"LAB_[A-Z0-9_]*[A-Z0-9]"/)
            })
        #expect(read.count > 30)
        #expect(read.subtracting(documented).sorted() == [])
    }

    private static func keys(in text: String, _ pattern: Regex<Substring>) -> [String] {
        text.matches(of: pattern).map { $0.output.replacing("\"", with: "") }
    }

    private static func imports(of file: String) throws -> Set<String> {
        let lines = try Repository.text(file).split(separator: "\n")
        return Set(
            lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 2, index + 1 < words.count else {
                    return nil
                }
                return String(words[words.count - 1].prefix { $0 != "." })
            })
    }
}
