# Rendered by scripts/release.ts; the copy beside a release's archives has its version and checksums filled in.
class Aegis < Formula
  desc "Run AI agents under a policy the kernel enforces, with a provable ledger"
  homepage "https://github.com/aegis/aegis"
  version "{{version}}"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "https://github.com/aegis/aegis/releases/download/v{{version}}/aegis-{{version}}-darwin-arm64.tar.gz"
      sha256 "{{sha256 darwin-arm64}}"
    end
    on_intel do
      url "https://github.com/aegis/aegis/releases/download/v{{version}}/aegis-{{version}}-darwin-x64.tar.gz"
      sha256 "{{sha256 darwin-x64}}"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/aegis/aegis/releases/download/v{{version}}/aegis-{{version}}-linux-arm64.tar.gz"
      sha256 "{{sha256 linux-arm64}}"
    end
    on_intel do
      url "https://github.com/aegis/aegis/releases/download/v{{version}}/aegis-{{version}}-linux-x64.tar.gz"
      sha256 "{{sha256 linux-x64}}"
    end
  end

  def install
    bin.install "aegis"
    names = %w[aegisd aegisctl]
    # Called so it only says what serves in its place: where another program has the name, it gives way, or nothing of
    # this would be linked.
    names << "aegis-server" if free?(HOMEBREW_PREFIX/"bin/aegis-server")
    names.each { |name| bin.install_symlink bin/"aegis" => name }
  end

  # Of an earlier version of this formula is free as well.
  def free?(path)
    return true if !path.exist? && !path.symlink?

    path.symlink? && path.readlink.to_s.include?("/Cellar/#{name}/")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/aegis --version")
  end
end
