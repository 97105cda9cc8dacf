import Foundation
import Testing

@Suite("The documentation")
struct DocumentationLinkTests {
    @Test("every relative link in a Markdown file leads to a file or folder of the repository")
    func links() throws {
        let beside = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
            .filter { $0.hasSuffix(".md") }
        let below = try Repository.files(under: ["docs", "Services", "Libraries", "Tests", "infra"], suffix: ".md")
        var links = 0
        for file in beside + below {
            let folder = Repository.root.appending(path: file).deletingLastPathComponent()
            let text = try Repository.text(file)
            // Code is not prose: what looks like a link there is none.
            let prose = text.replacing(/```.*?```/.dotMatchesNewlines(), with: "").replacing(/`[^`\n]*`/, with: "")
            for match in prose.matches(of: /\]\(([^)\s#]+)(?:#[^)\s]*)?\)/) {
                let target = String(match.1)
                guard !target.contains(":") else { continue }
                links += 1
                let path = folder.appending(path: target).path
                #expect(FileManager.default.fileExists(atPath: path), "\(file) links to \(target)")
            }
        }
        // Far fewer would mean that the links are not found any more.
        #expect(links > 10)
    }
}
