"""Formulas of a stranger: only what can do nothing but write mathematics reaches a typesetter."""

import re

# MathJax and KaTeX know commands that link (\href), style (\style, \bbox, \fcolorbox), load (\require) and define others
# (\def): a list of what is allowed stays true when they learn more.
# Source: https://docs.mathjax.org/en/latest/input/tex/macros/index.html
_COMMANDS = frozenset(
    """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi omicron pi varpi rho
varrho sigma varsigma tau upsilon phi varphi chi psi omega digamma Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
varGamma varDelta varTheta varLambda varXi varPi varSigma varUpsilon varPhi varPsi varOmega
aleph beth gimel daleth hbar hslash ell wp Re Im imath jmath partial nabla infty emptyset varnothing angle measuredangle
sphericalangle triangle square Box Diamond blacksquare blacktriangle lozenge bigstar star ast circ bullet cdot cdots ldots dots
dotsb dotsc dotsi dotsm dotso vdots ddots prime backprime flat natural sharp clubsuit diamondsuit heartsuit spadesuit
checkmark maltese dagger ddagger dag ddag S P copyright pounds yen degree surd top bot forall exists nexists neg lnot complement
pm mp times div cap cup sqcap sqcup uplus vee wedge lor land setminus smallsetminus wr amalg oplus ominus otimes oslash odot
bigcirc ltimes rtimes boxplus boxminus boxtimes boxdot dotplus divideontimes curlyvee curlywedge veebar barwedge intercal
sum prod coprod int iint iiint iiiint oint bigcap bigcup bigsqcup bigvee bigwedge bigodot bigotimes bigoplus biguplus
le leq leqq leqslant ge geq geqq geqslant lt gt ll lll gg ggg ne neq equiv sim simeq cong approx approxeq asymp doteq propto
varpropto models perp mid nmid parallel nparallel prec preceq succ succeq precsim succsim subset subseteq subsetneq subseteqq
supset supseteq supsetneq supseteqq nsubseteq nsupseteq sqsubset sqsubseteq sqsupset sqsupseteq in notin ni owns vdash dashv
vDash Vdash nvdash nvDash smile frown bowtie lesssim gtrsim lessgtr gtrless triangleq coloneqq eqqcolon colon not nleq ngeq nless
ngtr nsim ncong therefore because between pitchfork trianglelefteq trianglerighteq vartriangleleft vartriangleright
leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow longleftarrow longrightarrow longleftrightarrow
Longleftarrow Longrightarrow Longleftrightarrow uparrow downarrow updownarrow Uparrow Downarrow Updownarrow mapsto longmapsto
hookleftarrow hookrightarrow leftharpoonup leftharpoondown rightharpoonup rightharpoondown rightleftharpoons leftrightharpoons
nearrow searrow swarrow nwarrow to gets iff implies impliedby leadsto rightsquigarrow twoheadrightarrow twoheadleftarrow
nrightarrow nleftarrow nRightarrow nLeftarrow curvearrowleft curvearrowright circlearrowleft circlearrowright Lsh Rsh
upharpoonright restriction multimap xrightarrow xleftarrow xleftrightarrow xRightarrow xLeftarrow xmapsto
sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth exp ln log lg lim liminf limsup max min sup inf arg deg det dim
gcd hom ker Pr varlimsup varliminf injlim projlim mod bmod pmod pod
frac dfrac tfrac cfrac binom dbinom tbinom choose over atop sqrt root of genfrac stackrel overset underset sideset substack
overline underline overbrace underbrace overrightarrow overleftarrow overleftrightarrow underrightarrow underleftarrow
widehat widetilde hat check tilde acute grave dot ddot dddot ddddot breve bar vec mathring boxed fbox phantom hphantom vphantom
smash cancel bcancel xcancel cancelto
left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm
lbrace rbrace lbrack rbrack langle rangle lvert rvert lVert rVert vert Vert lceil rceil lfloor rfloor lgroup rgroup
lmoustache rmoustache ulcorner urcorner llcorner lrcorner backslash
mathrm mathbf mathit mathsf mathtt mathcal mathscr mathfrak mathbb mathnormal boldsymbol bm pmb symbf symrm text textrm textbf
textit textsf texttt textnormal mbox hbox operatorname operatornamewithlimits rm bf it sf tt cal frak Bbb
displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits tiny scriptsize small normalsize large Large LARGE huge Huge
quad qquad enspace enskip thinspace medspace thickspace negthinspace negmedspace negthickspace space nobreakspace
hspace hskip mspace kern mkern mskip newline cr hline hdashline hfill tag notag nonumber intertext shortintertext begin end
bra ket braket Bra Ket Braket ce pu degreesymbol celsius ohm micro arrowvert Arrowvert bracevert
Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Omicron Rho Tau Chi N R Z C Q
""".split()
)
_ENVIRONMENTS = frozenset(
    """equation align aligned alignat alignedat gather gathered multline split cases rcases dcases array matrix pmatrix bmatrix
    Bmatrix vmatrix Vmatrix smallmatrix subarray eqnarray CD""".split()
)
LONGEST_FORMULA = 4000
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{([^{}]*)\}")
# What could be something else to whatever reads a Markdown text before its formulas: code, links, ends, JupyterLab's own marks.
_FOREIGN = re.compile(r"[`\"@$\x00-\x1f]|\]\s*[(\[:]|(?<!\\)%|//|(?<!\\)#")


def tex(body):
    """A formula as it can be handed to a typesetter, on one line; None for what is more than a formula."""
    if len(body) > LONGEST_FORMULA:
        return None
    line = " ".join(body.split())
    if not line or _FOREIGN.search(line) or not _is_balanced(line):
        return None
    if not all(name in _COMMANDS for name in _COMMAND.findall(line)):
        return None
    environments = _ENVIRONMENT.findall(line)
    if len(environments) != len(re.findall(r"\\(?:begin|end)(?![A-Za-z])", line)):
        return None
    if not all(name.rstrip("*") in _ENVIRONMENTS for name in environments):
        return None
    return line.replace("<", r"\lt ").replace(">", r"\gt ")


def _is_balanced(line):
    depth = 0
    for brace in re.findall(r"\\.|[{}]", line):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0
